"""The command `hub`: what can be asked, and which module answers.

Every command returns its exit code: 0 fine, 1 failed, 2 misused or misconfigured. Modules are imported by the command
that needs them, so that `hub --help` answers at once.
"""

import gc
import os
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from hub.cli.asked import Asked


class _Hub(TyperGroup):
    """The group of all commands: global options may follow the command, and every error ends in a line."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, _globals_first(args))

    def invoke(self, ctx: Any) -> Any:
        try:
            code = super().invoke(ctx)
        except (typer.Exit, typer.Abort, typer.TyperException, BrokenPipeError):
            raise
        except Exception as error:  # noqa: BLE001  # the last place that can say what went wrong
            from hub.cli.failures import told

            code = told(error, ctx.obj)
        raise typer.Exit(code or 0)


app = typer.Typer(
    cls=_Hub,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="--config, --json and --verbose may stand before or after the command.",
)

_SOURCE = Annotated[str, typer.Argument(metavar="SOURCE", help="A source of connectors.yaml.", show_default=False)]
_ONE_SOURCE = Annotated[
    str | None, typer.Argument(metavar="SOURCE", help="Only this source; left out: all.", show_default=False)
]
_CONCURRENCY = Annotated[int, typer.Option(min=1, max=256, metavar="N", help="How many sources at once.")]
_AT_ONCE = 64  # more than a city has sources: those that hang until their timeouts must not keep the others waiting
_WAIT = Annotated[
    int, typer.Option(min=0, metavar="SECONDS", help="How long to wait for a source that another process works on.")
]


@app.callback(invoke_without_command=True)
def hub(
    ctx: typer.Context,
    config: Annotated[
        Path, typer.Option(envvar="HUB_CONFIG", metavar="PATH", help="The file that describes the sources.")
    ] = Path("connectors.yaml"),
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON, and log in JSON lines.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Say more on stderr; show tracebacks.")] = False,
) -> None:
    """One GraphQL API over a city's legacy appeal systems.

    Results go to stdout, talk to stderr. Exit codes: 0 fine, 1 failed, 2 misused or misconfigured.
    """
    ctx.obj = Asked(config, as_json, verbose)
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


@app.command(short_help="List the mistakes of connectors.yaml, or its sources.")
def check(ctx: typer.Context) -> int:
    """Read connectors.yaml and list its mistakes, or its sources. Opens no socket."""
    from hub.cli.checking import check

    return check(_asked(ctx))


class SourceKind(StrEnum):
    """What a source can be."""

    HOTLINE = "hotline"
    PLATFORM = "platform"


@app.command(short_help="Write the first entry of a source from a sample.")
def init(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call the source in connectors.yaml.")],
    sample: Annotated[str, typer.Argument(metavar="SAMPLE", help="A file with tickets, or a URL that lists them.")],
    source_class: Annotated[SourceKind, typer.Option("--class", help="What it is.")] = SourceKind.HOTLINE,
    header: Annotated[
        list[str] | None,
        typer.Option(
            metavar="'NAME: TEXT'", help="A header to ask a URL with; ${NAME} is borrowed.", show_default=False
        ),
    ] = None,
) -> int:
    """Guess an entry for connectors.yaml from a sample: id, times, words, paging. TODO marks what you have to decide.

    Prints the entry; writes the file where there is none yet. Stores nothing.
    """
    from hub.cli.sketching import init

    return init(_asked(ctx), name, sample, source_class.value, header or [])


@app.command(short_help="Show where each value of a source comes from.")
def explain(ctx: typer.Context, source: _SOURCE) -> int:
    """Show a source's whole configuration, defaults and built-in values included, with the line each came from.

    Opens no socket. Secrets are not shown.
    """
    from hub.cli.checking import explain

    return explain(_asked(ctx), source)


@app.command("try", short_help="Show how a few tickets read as appeals.")
def try_source(
    ctx: typer.Context,
    source: _SOURCE,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="How many tickets to pull.")] = 3,
) -> int:
    """Pull a few tickets of a source and show each beside the appeal it reads as.

    Stores nothing and needs no database. Exits 1 if one of them is rejected.
    """
    from hub.cli.trying import try_source

    return try_source(_asked(ctx), source, limit)


@app.command(short_help="Pull what is new, and serve it.")
def sync(
    ctx: typer.Context,
    sources: Annotated[
        list[str] | None,
        typer.Argument(metavar="SOURCE", help="Only these; left out: every enabled source.", show_default=False),
    ] = None,
    concurrency: _CONCURRENCY = _AT_ONCE,
    wait: _WAIT = 60,
) -> int:
    """Pull what is new, serve it, and show what became of the tickets.

    Exits 1 if a source failed; rejected tickets are kept for `hub rejected`.
    """
    from hub.cli.running import sync

    return sync(_asked(ctx), sources or [], concurrency, wait)


@app.command(short_help="Read a stretch of a source's past again.")
def backfill(
    ctx: typer.Context,
    source: _SOURCE,
    since: Annotated[
        str, typer.Option("--from", metavar="TIME", help="Where to begin: a day, or a time; in the source's zone.")
    ],
    until: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="Where to end; now when left out.", show_default=False)
    ] = None,
    wait: _WAIT = 60,
) -> int:
    """Pull what moved in a stretch of the past, beside the live cursor, which stays where it is.

    Cut short, the same command goes on where it was.
    """
    from hub.cli.backfilling import backfill

    return backfill(_asked(ctx), source, since, until, wait)


@app.command(short_help="List the tickets that do not read as appeals.")
def rejected(
    ctx: typer.Context,
    source: _ONE_SOURCE = None,
    limit: Annotated[
        int, typer.Option(min=1, max=10_000, metavar="N", help="How many tickets to show, newest first.")
    ] = 20,
) -> int:
    """List the tickets that do not read as appeals, and why. With --json: also as they came."""
    from hub.cli.standing import rejected

    return rejected(_asked(ctx), source, limit)


@app.command(short_help="Read rejected tickets again.")
def replay(
    ctx: typer.Context,
    source: _ONE_SOURCE = None,
    every: Annotated[bool, typer.Option("--all", help="Served tickets as well, after a mapping was changed.")] = False,
    concurrency: _CONCURRENCY = 8,
    wait: _WAIT = 60,
) -> int:
    """Read rejected tickets again, after their mapping was mended, and serve them. Pulls nothing."""
    from hub.cli.running import replay

    return replay(_asked(ctx), source, every, concurrency, wait)


@app.command(short_help="Show how tickets came to differ from before.")
def drift(
    ctx: typer.Context,
    source: _ONE_SOURCE = None,
    seen: Annotated[bool, typer.Option("--seen", help="Clear the list afterwards.")] = False,
) -> int:
    """Show how tickets came to differ: fields that are gone, new, or hold another kind of value, words no map knows."""
    from hub.cli.standing import drift

    return drift(_asked(ctx), source, seen=seen)


@app.command(short_help="List the entries of a register.")
def entries(
    ctx: typer.Context,
    register: Annotated[str, typer.Argument(metavar="REGISTER", help="Its name in connectors.yaml.")],
    limit: Annotated[int, typer.Option(min=1, max=10_000, metavar="N", help="How many entries to show.")] = 20,
) -> int:
    """List the entries of a register, in the order of their ids."""
    from hub.cli.standing import entries

    return entries(_asked(ctx), register, limit)


@app.command(short_help="Show how every source is doing.")
def sources(ctx: typer.Context) -> int:
    """Show how every source is doing: last run, lag, tickets, last error, next run."""
    from hub.cli.standing import sources

    return sources(_asked(ctx))


_ENDPOINT = Annotated[str, typer.Argument(metavar="ENDPOINT", help="Its name in connectors.yaml.", show_default=False)]


@app.command(short_help="Show how every endpoint is doing, or look after one.")
def endpoints(  # noqa: PLR0917  # what can be asked of the command
    ctx: typer.Context,
    endpoint: Annotated[
        str | None, typer.Argument(metavar="ENDPOINT", help="The one to look after.", show_default=False)
    ] = None,
    pause: Annotated[bool, typer.Option("--pause", help="Send it nothing; what changes meanwhile waits.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on sending, whatever stopped it.")] = False,
    rotate: Annotated[bool, typer.Option("--rotate", help="Make a new secret, and show it once.")] = False,
    test: Annotated[bool, typer.Option("--test", help="Send it a test message, and show what it answered.")] = False,
) -> int:
    """Show how every endpoint is doing: what waits for it, what it did not take, and why.

    With the name of one and an option: pause it, resume it, test it, or make it a new secret; the former one signs as
    well for a day.
    """
    from hub.cli import delivering

    asked_for = (pause, resume, rotate, test)
    if sum(asked_for) > 1 or (endpoint is None) == any(asked_for):
        options = "--pause, --resume, --rotate and --test"
        raise typer.BadParameter(f"give the name of an endpoint and one of {options}, or neither")
    if endpoint is None:
        return delivering.endpoints(_asked(ctx))
    acts = (delivering.pause, delivering.resume, delivering.rotate, delivering.test)
    return next(act for act, wanted in zip(acts, asked_for, strict=True) if wanted)(_asked(ctx), endpoint)


@app.command(short_help="Show what an endpoint did not take.")
def deliveries(
    ctx: typer.Context,
    endpoint: _ENDPOINT,
    limit: Annotated[int, typer.Option(min=1, max=1_000, metavar="N", help="How many of each, newest first.")] = 20,
    dead: Annotated[bool, typer.Option("--dead", help="Dead letters only.")] = False,
) -> int:
    """Show what an endpoint did not take and when it is tried again, and its last attempts. With --json: excerpts."""
    from hub.cli import delivering

    return delivering.deliveries(_asked(ctx), endpoint, limit, dead=dead)


@app.command("replay-deliveries", short_help="Send dead letters again, or what was delivered.")
def replay_deliveries(  # noqa: PLR0917  # what can be asked of the command
    ctx: typer.Context,
    endpoint: _ENDPOINT,
    number: Annotated[int | None, typer.Option(metavar="N", help="One change.", show_default=False)] = None,
    first: Annotated[int | None, typer.Option("--from", metavar="N", help="From this change …")] = None,
    last: Annotated[int | None, typer.Option("--to", metavar="N", help="… to this one, both included.")] = None,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="What changed since then …")] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="… and before then.")] = None,
    source: Annotated[str | None, typer.Option(metavar="SOURCE", help="What changed in this source.")] = None,
    delivered: Annotated[
        bool, typer.Option("--delivered", help="Not dead letters: what was delivered, exactly that, once more.")
    ] = False,
    recover_since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Everything since then once more, in its order: the endpoint lost it."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
) -> int:
    """Send dead letters again, all of them or those that are named; each with the id that it had.

    A worker sends them. Behind a dead letter the later changes of its appeal follow.
    """
    from hub.cli import delivering

    asked = _asked(ctx)
    if recover_since is not None:
        return delivering.recover(asked, endpoint, recover_since)
    chosen = delivering.selection(asked, (number, first, last), (since, until), source=source, delivered=delivered)
    return delivering.replay(asked, endpoint, chosen, dry_run=dry_run)


@app.command(short_help="Stop a source's schedule.")
def pause(ctx: typer.Context, source: _SOURCE) -> int:
    """Have no worker pull a source until `hub resume`; a run under way goes on to its end."""
    from hub.cli.standing import pause

    return pause(_asked(ctx), source)


@app.command(short_help="Go on with a source's schedule.")
def resume(ctx: typer.Context, source: _SOURCE) -> int:
    """Let workers pull a source again, at once."""
    from hub.cli.standing import resume

    return resume(_asked(ctx), source)


class KeyScope(StrEnum):
    """What a key can let its holder do; every key lets them read."""

    APPEALS_READ = "appeals:read"
    APPEALS_WRITE = "appeals:write"
    SOURCES_MANAGE = "sources:manage"
    SCHEMA_READ = "schema:read"


@app.command(short_help="List the keys of the API.")
def keys(ctx: typer.Context) -> int:
    """List the keys that let programs do more than read, and when each was used."""
    from hub.cli.keys import keys

    return keys(_asked(ctx))


@app.command("add-key", short_help="Make a key for the API.")
def add_key(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose it is; the log of changes knows them by it.")],
    scope: Annotated[
        list[KeyScope] | None,
        typer.Option(help="What it allows; may be given several times. Left out: appeals:write.", show_default=False),
    ] = None,
    days: Annotated[
        int | None, typer.Option(min=1, max=3650, metavar="DAYS", help="How long it holds.", show_default=False)
    ] = None,
) -> int:
    """Make a key, and show it once.

    A second key of the same name can take the place of the first; a third is refused while both hold.
    """
    from hub.cli.keys import add_key
    from hub.model import Scope

    return add_key(_asked(ctx), name, [Scope(one) for one in scope or [KeyScope.APPEALS_WRITE]], days)


@app.command("revoke-key", short_help="End a key.")
def revoke_key(
    ctx: typer.Context, key: Annotated[str, typer.Argument(metavar="ID", help="Its id, as `hub keys` shows it.")]
) -> int:
    """Have a key open nothing any more."""
    from hub.cli.keys import revoke_key

    return revoke_key(_asked(ctx), key)


@app.command(short_help="Print what an endpoint would be sent.")
def listen(
    ctx: typer.Context,
    endpoint: _ENDPOINT,
    after: Annotated[
        int | None,
        typer.Option(
            min=0, metavar="N", help="Begin after this change; with the next one if left out.", show_default=False
        ),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="End after so many; with Ctrl-C if left out.", show_default=False),
    ] = None,
) -> int:
    """Print what an endpoint would be sent, and send nothing: for whoever writes its receiver."""
    from hub.cli.listening import listen

    return listen(_asked(ctx), endpoint, after, count)


@app.command(short_help="Serve GraphQL, and pull on schedule.")
def serve(
    ctx: typer.Context,
    host: Annotated[
        str, typer.Option(envvar="HUB_HOST", metavar="HOST", help="The address to listen on.")
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            envvar="HUB_PORT", min=0, max=65535, metavar="PORT", help="The port to listen on; 0: any free one."
        ),
    ] = 8000,
    api_only: Annotated[bool, typer.Option("--api-only", help="Serve, and leave pulling to `hub worker`.")] = False,
    concurrency: _CONCURRENCY = _AT_ONCE,
) -> int:
    """Serve GraphQL and pull the sources on their schedules, until Ctrl-C or SIGTERM."""
    from hub.cli.serving import serve

    return serve(_asked(ctx), host, port, None if api_only else concurrency)


@app.command(short_help="Pull on schedule.")
def worker(ctx: typer.Context, concurrency: _CONCURRENCY = _AT_ONCE) -> int:
    """Pull the sources on their schedules, until Ctrl-C or SIGTERM. Run as many as you like."""
    from hub.cli.serving import worker

    return worker(_asked(ctx), concurrency)


class Schema(StrEnum):
    """What can be described."""

    GRAPHQL = "graphql"
    SUBGRAPH = "subgraph"
    CONNECTORS = "connectors"


@app.command(short_help="Print the schema of GraphQL or of connectors.yaml.")
def schema(of: Annotated[Schema, typer.Argument(metavar="graphql|subgraph|connectors", show_default=False)]) -> int:
    """Print the GraphQL schema for clients or for gateways, or the JSON Schema of connectors.yaml for editors."""
    from hub.cli.checking import connectors_schema, graphql_schema, subgraph_schema

    printed = {Schema.GRAPHQL: graphql_schema, Schema.SUBGRAPH: subgraph_schema, Schema.CONNECTORS: connectors_schema}
    # Those of GraphQL end with a newline of their own.
    typer.echo(printed[of]().removesuffix("\n"))
    return 0


@app.command()
def version(ctx: typer.Context) -> int:
    """Print the version."""
    from hub import __version__

    typer.echo(f'{{"version": "{__version__}"}}' if _asked(ctx).json else f"hub {__version__}")
    return 0


def main() -> None:
    """Run the command with the arguments of this process, and exit."""
    # Nobody plugs into our models, and to look for plugins pydantic reads the metadata of all that is installed.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    # What is imported stays for good: looking for cycles in it meanwhile costs a sixth of a start.
    gc.disable()
    app(prog_name="hub")


def _asked(ctx: typer.Context) -> Asked:
    asked: Asked = ctx.obj
    return asked


def _globals_first(args: list[str]) -> list[str]:
    """Move the global options before the command: people add `--json` where they stand."""
    first: list[str] = []
    rest: list[str] = []
    words = iter(args)
    for word in words:
        if word == "--":
            return [*first, *rest, word, *words]
        if word in ("--json", "--verbose") or word.startswith("--config="):
            first.append(word)
        elif word == "--config":
            first += [word, *islice(words, 1)]
        else:
            rest.append(word)
    return first + rest
