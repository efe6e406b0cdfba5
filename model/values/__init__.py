"""Values that travel between the rooms of the model: frozen, comparable, printable, without behaviour of their own."""
