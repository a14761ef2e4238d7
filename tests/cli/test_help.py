"""What every command has in common: help, version, old names, Ctrl-C."""

import subprocess
import sys
from typing import Literal

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from concept_align import __version__, aliases, cli
from concept_align.cli.commands import app
from concept_align.cli.from_config import CommandOption, made


def _commands(command, path=()):
    yield path, command
    for name, one in getattr(command, "commands", {}).items():
        yield from _commands(made(one), (*path, name))


COMMANDS = dict(_commands(get_command(app)))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_help_is_shown_and_nothing_in_it_is_lost(path):
    shown = CliRunner().invoke(app, [*path, "--help"])
    assert shown.exit_code == 0, shown.output
    text = "".join(shown.output.split())
    for parameter in COMMANDS[path].params:
        if not getattr(parameter, "hidden", False):
            assert parameter.help and not parameter.help.startswith(" ["), parameter.name
            assert "".join(parameter.help.split()) in text, parameter.name


def test_brackets_in_a_help_text_are_no_markup():
    shown = CliRunner().invoke(app, ["alignability", "--help"]).output
    assert "rsa[-spearman|-pearson|-cosine][/euclidean|/cosine|/mahalanobis]" in "".join(shown.split())


def test_the_version_is_shown():
    assert CliRunner().invoke(app, ["--version"]).output == f"concept-align {__version__}\n"


def test_short_options_mean_one_thing_in_every_command():
    meanings: dict[str, set[str]] = {}
    for command in COMMANDS.values():
        for parameter in command.params:
            for option in (*parameter.opts, *parameter.secondary_opts):
                if option.startswith("-") and not option.startswith("--"):
                    meanings.setdefault(option, set()).add(parameter.name.rstrip("s"))
    assert {option: len(names) for option, names in meanings.items() if len(names) > 1} == {}
    assert meanings["-m"] == {"model"}


def test_a_number_may_be_written_where_a_name_may_stand():
    option = CommandOption(("layer",), int | Literal["auto"] | None, None, "")
    assert [option.read(given) for given in ("13", "-1", "auto", None)] == [13, -1, "auto", None]


@pytest.mark.parametrize("command", aliases.OPTIONS)
def test_options_of_the_last_release_are_taken_and_not_shown(command):
    (parameters,) = (one.params for path, one in COMMANDS.items() if path == (command,))
    known = {option: parameter for parameter in parameters for option in parameter.opts}
    shown = CliRunner().invoke(app, [command, "--help"]).output
    for old, new in aliases.OPTIONS[command].items():
        assert new in known, (command, new)
        assert known[old].hidden and old + " " not in shown


def test_no_help_needs_torch():
    script = """
import sys
from concept_align.cli import commands
for path in sys.argv[1:]:
    sys.argv = ["concept-align", *path.split(), "--help"]
    try:
        commands.run()
    except SystemExit:
        assert not {"torch", "rich"} & {*sys.modules}, path
    else:
        raise AssertionError(path)
"""
    paths = [" ".join(path) for path in COMMANDS]
    subprocess.run([sys.executable, "-c", script, *paths], check=True, capture_output=True)


def test_ctrl_c_says_what_is_kept_and_how_to_resume(monkeypatch, capsys, tmp_path):
    from concept_align.meta import run

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(run.MetaTrainPlan, "of", stop)
    words = ["meta-train", "--store", "nowhere", "--out", str(tmp_path / "kept-here")]
    monkeypatch.setattr(sys, "argv", ["concept-align", *words])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 130
    said = capsys.readouterr().err
    assert "stopped; " in said and "kept-here" in said and "run the same command again to resume" in said


def test_ctrl_c_is_answered_from_the_first_moment(monkeypatch, capsys):
    from concept_align.cli import commands

    def stop():
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "run", stop)
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 130
    assert "stopped" in capsys.readouterr().err


def test_ctrl_c_while_options_are_read_is_answered(monkeypatch, capsys):
    from concept_align.cli import commands

    def read():
        raise SystemExit(130)  # as typer ends then

    monkeypatch.setattr(commands, "app", read)
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 130
    assert "stopped before anything was done" in capsys.readouterr().err


def test_a_missing_option_may_come_from_a_file(tmp_path, capsys, monkeypatch):
    file = tmp_path / "run.toml"
    file.write_text('treebanks = "nowhere"\nmodel = "mini-decoder"\n')
    for words, said in (
        ([], "error: --layers: is missing"),
        (["--layers", "1"], "nowhere: no such file or folder"),
        (["--set", "layers=1"], "nowhere: no such file or folder"),
        (["--layers", "x"], "error: --layers: 'x' is not whole numbers or 'all'"),
        (["--layers", "1", "--set", "splitz=dev"], "did you mean 'splits'?"),
    ):
        line = ["concept-align", "extract", "--config", str(file), "--out", str(tmp_path / "out"), *words]
        monkeypatch.setattr(sys, "argv", line)
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        assert stopped.value.code == 2
        assert said in capsys.readouterr().err


def test_old_options_warn_and_mean_the_new_ones(tmp_path):
    words = ["evaluate", "--aligner", "nowhere", "--store", str(tmp_path), "--draws", "0"]
    with pytest.warns(DeprecationWarning, match="--draws is now called --support-draws"):
        found = CliRunner().invoke(app, words)
    assert "support_draws: 0 is too few" in str(found.exception)


def test_the_list_of_commands_says_what_each_is_for_in_whole_sentences():
    shown = CliRunner().invoke(app, ["--help"]).output
    assert "..." not in shown.partition("Commands:")[2]
