"""The command line. Every command parses, calls one function, and prints; errors become exit codes in one place."""

from __future__ import annotations

import atexit
import contextlib
import copy
import gc
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer
from typer.models import CommandInfo

import tellapart
from tellapart.cli import embedding, leaving, trained, training
from tellapart.cli.errors import own_fault, system_fault, usage_fault
from tellapart.cli.options import Json
from tellapart.cli.output import BufferedOutput, complain, line, occupy_closed_descriptors
from tellapart.cli.tables import print_cache, print_json, print_version
from tellapart.errors import DataError, TellapartError
from tellapart.progress import Unminded
from tellapart.text import counted

INTERRUPTED = 130
DEEPEST = 4_000  # calls inside each other: os.walk and shutil.rmtree go into folders so, and a path holds 2,000
# Seconds in which a thread of the engine gets done with its last request: one that still lets go of Python's objects
# when Python ends aborts the process, where a command stops right after it has looked.
LETTING_GO = 0.05
SELDOM = 10_000  # containers more than before, between two searches of Python for cycles that nobody refers to
app = typer.Typer(
    name="tellapart",
    help="Tell your pictures apart: a folder of labelled pictures in, a tested classifier out.",
    epilog="Start with `tellapart demo`, then `tellapart train FOLDER` on a folder of class folders of your own.",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
cache_app = typer.Typer(help="Look at the kept features, or clear them.", no_args_is_help=False, rich_markup_mode=None)
app.add_typer(cache_app, name="cache")
for command in (
    *(training.train, trained.predict, trained.evaluate, trained.compare, training.audit, training.split),
    *(
        trained.explain,
        trained.report,
        leaving.export,
        leaving.verify,
        leaving.serve,
        embedding.embed,
        training.summary,
        training.augment,
        training.demo,
    ),
):
    app.command()(command)


def print_own_version(asked: bool) -> None:
    if asked:
        print(f"tellapart {tellapart.__version__}")
        raise typer.Exit


@app.callback()
def tellapart_options(
    _: Annotated[
        bool,
        typer.Option("-V", "--version", callback=print_own_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """What stands before a command."""


@app.command()
def version(as_json: Json = False) -> None:
    """Show versions, engine, CPU and cache folder."""
    from tellapart.runs.environment import environment

    document = environment()
    if as_json:
        print_json(document)
    else:
        print_version(document)


@cache_app.callback(invoke_without_command=True)
def cache(context: typer.Context) -> None:
    """Look at the kept features, or clear them."""
    if context.invoked_subcommand is None:
        show()


@cache_app.command()
def show() -> None:
    """Show where features are kept, how many, how much room they take, and the limit."""
    from tellapart.features.cache import cache_status

    print_cache(cache_status())


@cache_app.command()
def clear() -> None:
    """Remove every kept feature; the next run looks at its pictures again."""
    from tellapart.features.cache import clear_cache

    before = clear_cache()
    looks = "a damaged store" if before.entries is None else counted(before.entries, "look", "looks")
    line(f"removed the features of {looks}, {before.size / 1e6:,.1f} MB, from {before.folder}")


def main() -> None:
    """Run the command line and exit; exit code 0 means that all that was asked for is written."""
    occupy_closed_descriptors()
    sys.setrecursionlimit(max(sys.getrecursionlimit(), DEEPEST))
    answer = BufferedOutput(sys.stdout)
    with collected_seldom(), contextlib.redirect_stdout(answer), contextlib.redirect_stderr(Unminded(sys.stderr)):
        code = run(answer)
    if code and "openvino" in sys.modules:
        time.sleep(LETTING_GO)
    raise SystemExit(code)


@contextlib.contextmanager
def collected_seldom() -> Iterator[None]:
    """Let Python look for cycles seldom, and not at all at its end: imports make many containers, and no garbage.

    It is a tenth of the processor time of a short command.
    """
    before, *older = gc.get_threshold()
    gc.set_threshold(max(before, SELDOM) if before else 0, *older)
    atexit.register(gc.freeze)
    try:
        yield
    finally:
        gc.set_threshold(before, *older)


def asked_for(arguments: Sequence[str]) -> typer.Typer:
    """The command line with that one command which its first word names; the whole of it for any other word.

    Typer reads the options of every command it is given, which takes as long as half of numpy's import.
    """
    named = [command for command in app.registered_commands if called(command) in arguments[:1]]
    if not named:
        return app
    alone = copy.copy(app)
    alone.registered_commands, alone.registered_groups = named, []
    return alone


def called(command: CommandInfo) -> str:
    """What a user calls a command."""
    return str(command.name or getattr(command.callback, "__name__", ""))


def run(answer: BufferedOutput) -> int:
    """The one place where errors become exit codes."""
    try:
        code = asked_for(sys.argv[1:])(standalone_mode=False) or 0
        answer.deliver()
    except TellapartError as error:
        complain(f"tellapart: {error}")
        code = error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except SystemExit as error:  # the parser's way out of a broken pipe
        code = own_fault(error.__context__ if isinstance(error.__context__, OSError) else error)
    except OSError as error:
        code = system_fault(error)
    except RecursionError:
        fault = DataError(
            "something that was given is nested too deeply", hint="Bring folders and files nearer to the top."
        )
        complain(f"tellapart: {fault}")
        code = fault.exit_code
    except Exception as error:  # noqa: BLE001
        code = usage_fault(error) or own_fault(error)
    if code == INTERRUPTED:  # here, because typer turns some interrupts into this code by itself
        print("tellapart: stopped; whatever is kept by now is used when the same command runs again", file=sys.stderr)
    return int(code)
