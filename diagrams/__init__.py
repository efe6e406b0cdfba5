"""Pictures of the model: state machines with the kernel's confirmations on every arrow, and ladders of two traces.

Nothing in here is drawn by hand. A diagram is made from the rules that ran (`model.rules.arrows_of`) and from
how often the cross-check confirmed each of their arrows; so an edge that no rule made cannot appear, and a rule
without an edge cannot hide.

- `machines.diagram(name, counts, caption)` makes the picture of one machine of the model as a value;
- `render.render(diagram, format)` turns the value into SVG, PNG, DOT or Mermaid;
- `ladder.ladder(model_calls, kernel_calls)` lays two traces side by side.

Not here: counting confirmations (the cross-check does that), writing files, HTML pages.
"""
