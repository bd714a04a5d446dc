"""The dvaudit command: audit a dataset, list the valuators, open the app."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, ParamSpec

import typer

from dvaudit import audits, serving, valuators
from dvaudit.core.dataset import Dataset, Role
from dvaudit.core.errors import DvauditError, SettingsError, some
from dvaudit.core.settings import SettingSpec
from dvaudit.core.words import count
from dvaudit.pipeline import Audit
from dvaudit.reports import LEAST_SHOWN, chosen

EXIT_REFUSED, EXIT_ABOVE, EXIT_PARTLY, EXIT_STOPPED = 2, 3, 4, 130
MOST_NAMED = 3  # contributors at either end
P = ParamSpec("P")

app = typer.Typer(
    name="dvaudit",
    help="Find the wrong labels and the worthless samples in a dataset.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _refusing(command: Callable[P, None]) -> Callable[P, None]:
    """Make a refusal one line on standard error and exit status 2; Ctrl+C exits with 130."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except DvauditError as refusal:
            typer.echo(f"dvaudit: {refusal}", err=True)
            raise typer.Exit(EXIT_REFUSED) from None
        except KeyboardInterrupt:
            typer.echo("Stopped.", err=True)
            raise typer.Exit(EXIT_STOPPED) from None

    return run


def _show_version(asked: bool) -> None:
    if not asked:
        return
    try:
        typer.echo(f"dvaudit {version('dvaudit')}")
    except PackageNotFoundError:  # run from a checkout that is not installed
        typer.echo("dvaudit, not installed")
    raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    """Find the wrong labels and the worthless samples in a dataset."""


@app.command("audit")
@_refusing
def audit_command(
    path: Annotated[Path, typer.Argument(help="Zip or folder of images, or a table.")],
    out: Annotated[Path, typer.Option(help="Folder for the results.")],
    label: Annotated[str | None, typer.Option(help="Label column.")] = None,
    id: Annotated[str | None, typer.Option(help="Column of unique sample names.")] = None,
    group: Annotated[str | None, typer.Option(help="Column of contributor names.")] = None,
    trusted: Annotated[
        Path | None, typer.Option(help="Dataset whose labels are known to be right.")
    ] = None,
    trusted_column: Annotated[
        str | None, typer.Option(help="Column that marks trusted samples: true or false.")
    ] = None,
    ignore: Annotated[
        list[str] | None, typer.Option(help="Column that plays no part; may be repeated.")
    ] = None,
    task: Annotated[str | None, typer.Option(help="classification or regression.")] = None,
    valuator: Annotated[list[str] | None, typer.Option(help="Method; may be repeated.")] = None,
    set: Annotated[
        list[str] | None,
        typer.Option(help="NAME.key=value; may be repeated. auto: the default; none: left empty."),
    ] = None,
    features: Annotated[str | None, typer.Option(help="Feature extractor.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of every random choice.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    section: Annotated[
        list[str] | None, typer.Option(help="Section of the report; may be repeated.")
    ] = None,
    shown: Annotated[
        int, typer.Option(help="Samples that the report shows: 60 to 500.")
    ] = LEAST_SHOWN,
    fail_above: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=1.0,
            help="Exit with 3 when the estimated share of wrong labels is above this.",
        ),
    ] = None,
) -> None:
    """Audit a dataset and write samples, corrections and a report to a folder.

    Exits with 4 when some of the methods failed and the results are those of the others.
    """
    if trusted is not None and trusted_column is not None:
        raise SettingsError("Give --trusted or --trusted-column, not both.")
    choice = chosen(section, shown)
    marked: dict[str, Role | str] = dict.fromkeys(ignore or [], Role.IGNORED)
    if trusted_column:
        marked[trusted_column] = Role.TRUSTED
    data = audits.load(path, label=label, id=id, group=group, task=task, roles=marked or None)
    typer.echo(_dataset_line(data))
    vouched = None if trusted is None else audits.load_like(trusted, data)
    done = audits.audit(
        data,
        valuator or list(audits.DEFAULT_VALUATORS),
        trusted=vouched,
        seed=seed,
        device=device,
        extractor=features,
        settings=_settings(set or []),
        progress=_progress_line(),
    )
    written = done.save(out, choice)
    for line in [*_method_lines(done), *_contributor_lines(done, out), *_sample_lines(done)]:
        typer.echo(line)
    typer.echo(f"Written to {out}: {', '.join(sorted(item.name for item in written))}")
    for name, reason in done.failed.items():
        typer.echo(f"dvaudit: {name} failed: {reason}", err=True)
    _fail_above(done, fail_above)
    if done.failed:
        raise typer.Exit(EXIT_PARTLY)


@app.command("apply")
@_refusing
def apply_command(
    patch: Annotated[Path, typer.Argument(help="Patch: JSON, as the Export page writes it.")],
    data: Annotated[Path, typer.Argument(help="A newer copy of the data the patch is of.")],
    out: Annotated[Path, typer.Option(help="Folder for the corrected copy.")],
    strict: Annotated[
        bool, typer.Option("--strict", help="Write nothing unless every verdict fits.")
    ] = False,
) -> None:
    """Apply verdicts to a newer copy of the data, and list what does not fit."""
    fitted = audits.apply_patch(data, patch)
    refused, every = fitted.refused, len(fitted.fit.items)
    if refused and (strict or refused == every):
        for line in fitted.lines(saved=False):
            typer.echo(line)
        if refused == every:
            raise DvauditError(
                f"None of {count(every, 'verdict')} fits {fitted.data.name}: nothing is written. "
                "Apply the patch to a copy of the data it was made on, with the same columns."
            )
        raise DvauditError(
            f"{count(refused, 'verdict does', 'verdicts do')} not fit, and --strict was given: "
            "nothing is written."
        )
    written = fitted.save(out)
    for line in fitted.lines():
        typer.echo(line)
    typer.echo(f"Written to {out}: {', '.join(item.name for item in written)}")


@app.command("valuators")
@_refusing
def valuators_command() -> None:
    """List the valuators with their settings."""
    for info in valuators.describe():
        tasks = ", ".join(sorted(info.tasks))
        typer.echo(f"{info.name}  {info.title} ({tasks})\n    {info.summary}\n    {info.reference}")
        for spec in info.settings:
            typer.echo(f"    --set {info.name}.{spec.name}={_default(spec)}\n        {spec.help}")
            if spec.choices:
                typer.echo(f"        One of: {', '.join(spec.choices)}.")
            if spec.optional and spec.default is not None:
                typer.echo("        none leaves it empty.")


@app.command("serve")
@_refusing
def serve_command(
    port: Annotated[int, typer.Option(help="Port of the app.")] = 8501,
    address: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    sample: Annotated[
        bool, typer.Option("--sample", help="Add the sample dataset, already audited.")
    ] = False,
) -> None:
    """Open the app in this terminal; stop it with Ctrl+C."""
    if sample:
        typer.echo("Preparing the sample dataset ...")
        audits.add_sample(audits.workspace())
    raise typer.Exit(serving.serve(address, port))


def main() -> None:
    """Run the command line."""
    app()


def _settings(given: list[str]) -> dict[str, dict[str, str]]:
    """Parse NAME.key=value items into settings by valuator."""
    settings: dict[str, dict[str, str]] = {}
    for item in given:
        target, equals, value = item.partition("=")
        name, dot, key = target.rpartition(".")
        if not (equals and dot and name and key):
            raise SettingsError(f"--set {item!r} is not of the form NAME.key=value.")
        settings.setdefault(name, {})[key] = value
    return settings


def _dataset_line(data: Dataset) -> str:
    parts = [f"{data.name}: {count(len(data), 'sample')}", f"{data.kind} {data.task}"]
    if data.class_names:
        parts.append(count(len(data.class_names), "class", "classes"))
    missing = len(data) - int(data.labelled.sum())
    if 0 < missing < len(data):
        parts.append(f"{missing:,} without a label")
    if data.unreadable:
        names = some(item.name for item in data.unreadable)
        parts.append(f"{len(data.unreadable):,} unreadable ({names})")
    return ", ".join(parts)


def _fail_above(done: Audit, most: float | None) -> None:
    """Exit with EXIT_ABOVE where the estimated share of wrong labels is above `most`."""
    rate = done.findings.error_rate
    if most is None:
        return
    if rate.rate is None:
        raise DvauditError(f"--fail-above needs an estimated error rate: {rate.how}")
    if rate.rate > most:
        typer.echo(f"The estimated share of wrong labels, {rate.rate:.1%}, is above {most:.1%}.")
        raise typer.Exit(EXIT_ABOVE)


def _method_lines(done: Audit) -> list[str]:
    """Return what each method did, and what it warns of."""
    lines = []
    for name, result in done.record["valuators"].items():
        lines.append(f"{name}: {result['status']}")
        lines += [f"{name}: warning: {text}" for text in result["warnings"]]
    return lines


def _contributor_lines(done: Audit, out: Path) -> list[str]:
    """Return who has the highest and the lowest values, by each method of contributors."""
    lines = []
    for name, result in done.contributors.items():
        ranked = sorted(zip(-result.values, result.ids, strict=True))
        listed = [f"{person} ({-lowered:.4g})" for lowered, person in ranked]
        ends = min(MOST_NAMED, len(listed) // 2)
        lines += [
            f"{name}: highest {', '.join(listed[: max(ends, 1)])}",
            *([f"{name}: lowest {', '.join(listed[: -ends - 1 : -1])}"] if ends else []),
            f"{name}: values of {count(len(listed), 'contributor')} in {out / 'contributors.csv'}",
        ]
    return lines


def _sample_lines(done: Audit) -> list[str]:
    summary = done.summary()
    outliers, took = summary["outliers"], f"took {summary['record']['seconds']:.0f} s"
    duplicates = count(summary["duplicate_groups"], "group") + " of duplicates"
    if not summary["labelled"]:
        return [f"no labels to judge; {duplicates}; {count(outliers, 'outlier')}", took]
    rate = summary["error_rate"]["rate"]
    share = "not estimated" if rate is None else f"{rate:.1%}"
    flagged = (
        f"flagged {summary['flagged']:,} of {count(summary['labelled'], 'labelled sample')}; "
        f"estimated share of wrong labels {share}"
    )
    return [
        *([flagged] if done.results else []),  # without a method of samples, nobody looked
        f"{duplicates}, {count(summary['duplicate_conflicts'], 'sample')} in them with "
        f"conflicting labels; {count(outliers, 'outlier')}",
        took,
    ]


def _default(spec: SettingSpec) -> str:
    return "auto" if spec.default is None else str(spec.default)


def _progress_line() -> audits.Progress:
    """Return a Progress that rewrites one line of a terminal, and writes nothing elsewhere."""
    if not sys.stderr.isatty():
        return audits.silent

    def show(fraction: float, stage: str) -> None:
        sys.stderr.write(f"\r\033[K{fraction:4.0%}  {stage[:90]}")
        if fraction >= 1:
            sys.stderr.write("\r\033[K")
        sys.stderr.flush()

    return show
