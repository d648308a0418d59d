"""`autograder archive`: a course in one file, from which any grade can be recomputed."""

from __future__ import annotations

from pathlib import Path

import click

from autograder.cli.options import Common, common_options


def _verify(context: click.Context, _: click.Parameter, file: str | None) -> None:
    """Before anything else: it needs no course."""
    if file is None:
        return
    from autograder.keeping.verify import verify

    found = verify(Path(file))
    for problem in found.problems:
        click.echo(f"✗ {problem}")
    seed = "with the secret seed" if found.seed else "without the secret seed"
    holds = "does not hold" if found.problems else "holds"
    click.echo(f"'{file}' {holds}: course '{found.course}', {found.files:,} files, {found.size / 2**20:,.1f} MiB, {seed}.")
    context.exit(1 if found.problems else 0)


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--verify", metavar="FILE", callback=_verify, is_eager=True, expose_value=False, help="Only check an archive.")
@click.option("--without-seed", is_flag=True, help="Leave the secret seed out.")
@click.option("--with-data", is_flag=True, help="Pack the prepared data too, which can be made again from their source and the seed.")
@click.option("--also", metavar="DIR", multiple=True, help="Another folder of the course that its configuration reads (repeatable).")
@click.option("--gradebook", metavar="URL", help="Gradebook that is packed (default: the course's).")
@common_options
def archive(common: Common, file: Path | None, without_seed: bool, with_data: bool, also: tuple[str, ...], gradebook: str | None) -> None:
    """Pack the course into FILE (default: archives/COURSE-DATE.tar.gz), so that any grade can be recomputed years later."""
    from autograder.batch.plan import store_of
    from autograder.cli.gradebook import url_to_read
    from autograder.keeping.archive import Archived, archives, pack
    from autograder.term.dates import now_in, who_am_i

    now = now_in(common.course.timezone)
    target = (file or common.paths.root / "archives" / f"{common.course.id}-{now[:10]}.tar.gz").absolute()
    store = store_of(common.course, common.paths, common.store)
    url = url_to_read(common, gradebook)
    done = pack(common.course, common.paths, store, url, target, not without_seed, with_data, also)
    archives(store.root).append(lambda _: Archived(now, who_am_i(), str(target), done.sha256, done.seed))
    common.say(f"Packed {done.files:,} files into '{done.file}', {done.size / 2**20:,.1f} MiB, SHA-256 {done.sha256}.")
    for name in done.left_out:
        common.say(f"Left out: {name!a}, which is no ordinary file, or of a kind that is not packed from there.")
    common.say("It holds names, submissions, grades and reasons of decisions: only this account can read it (mode 0600).")
    if done.seed:
        common.say("It also holds the secret seed, not encrypted. Keep it where only examiners can read it, or use --without-seed.")
    else:
        common.say("The secret seed is not in it: keep your copy of that, nothing can be graded again without it.")
    common.write_json({"file": str(done.file), "sha256": done.sha256, "files": done.files, "bytes": done.size, "seed": done.seed})
