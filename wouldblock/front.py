"""What all verbs share: exit statuses, errors of one sentence, and the console.

The exit status is a verdict: 0 the model and the kernel agreed (or there was nothing to compare), 1 they contradicted
each other, 2 the command could not do its work: wrong usage, a missing permission, a scenario that fails by itself.
Nothing else leaves with 1, so a script that sees 1 has found a contradiction. click and rich have defaults of their
own for an interruption and for a reader that went away (both 1); they are put right here.

What the user asked for goes to standard output, everything else (progress, errors) to standard error.

Not here: the verbs (cli.py).
"""

from __future__ import annotations

import os
import sys
import traceback
from typing import IO, Any, NoReturn

import click
from click.exceptions import NoArgsIsHelpError
from rich.console import Console

AGREED, CONTRADICTED, UNUSABLE = 0, 1, 2
"""The three exit statuses."""


class Stop(click.ClickException):
    """The command cannot do its work. The message is one clear sentence; the exit status is 2."""

    exit_code = UNUSABLE

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"wouldblock: {self.format_message()}", file=file, err=file is None)


class Screen(Console):
    """A rich console that takes a reader's going away (`wouldblock rules | head`) for what it is: no error, nothing
    more to print.
    """

    def on_broken_pipe(self) -> None:
        self.quiet = True
        _forget_stdout()


class Front(click.Group):
    """The group of verbs, with the project's exit statuses instead of click's."""

    def main(self, *args: Any, **options: Any) -> NoReturn:
        """Run the command line and leave with its status. Takes what click's `main` takes."""
        sys.exit(self._status(*args, **{**options, "standalone_mode": False}))

    def _status(self, *args: Any, **options: Any) -> int:
        try:
            status = super().main(*args, **options)
            sys.stdout.flush()
        except NoArgsIsHelpError as error:
            error.show()
            return UNUSABLE
        except click.UsageError as error:
            verb = error.ctx.command_path if error.ctx else "wouldblock"
            click.echo(f"{verb}: {error.format_message()}  See `{verb} --help`.", err=True)
            return UNUSABLE
        except click.ClickException as error:
            error.show()
            return UNUSABLE
        except (click.Abort, KeyboardInterrupt):
            click.echo("wouldblock: interrupted.", err=True)
            return UNUSABLE
        except BrokenPipeError:
            _forget_stdout()
            return UNUSABLE
        except OSError as error:
            click.echo(f"wouldblock: {(error.strerror or str(error)).lower()}{_about(error)}.", err=True)
            _forget_stdout()
            return UNUSABLE
        except Exception:
            traceback.print_exc()
            click.echo(
                "wouldblock: this is a defect of wouldblock itself; please report it with the lines above.", err=True
            )
            return UNUSABLE
        return status if isinstance(status, int) else AGREED


def _about(error: OSError) -> str:
    return f": {error.filename}" if error.filename is not None else ", writing the output"


def screen(json_path: str | None = None) -> Screen:
    """The console for results: standard output, or standard error when ``--json -`` takes standard output."""
    return Screen(stderr=json_path == "-", highlight=False, soft_wrap=False)


def stderr_screen() -> Screen:
    """The console for progress."""
    return Screen(stderr=True, highlight=False)


def make_text_safe() -> None:
    """Print a question mark where the terminal's encoding lacks a character, instead of failing half-way."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def _forget_stdout() -> None:
    """Point standard output at nothing, so that the interpreter does not fail when it flushes at exit."""
    try:
        number = sys.stdout.fileno()
    except (OSError, ValueError):
        return
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, number)
    os.close(nothing)
