"""Completes command lines in bash, zsh and fish; `drivesim --install-completion` installs what asks.

typer installs the scripts and could answer them too, but builds every verb and imports pydantic for each press of the
Tab key. Here only the verb that is being written is built, and no value is parsed.
"""

from __future__ import annotations

import inspect
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperOption
from typer.main import get_command, get_group
from typer.models import CommandInfo

VARIABLE = "_DRIVESIM_COMPLETE"
"""The environment variable by which the scripts of typer ask."""
_LONGEST_HELP = 80
_ZSH_QUOTES = str.maketrans({"'": "’", '"': "”", "`": "’", "$": "", "\\": "", ":": r"\\:"})


@dataclass(frozen=True)
class Candidate:
    """A word that may stand where the cursor is, and what it means."""

    word: str
    help: str = ""


def answer(app: typer.Typer) -> None:
    """Prints the candidates and exits if a shell asks for them; returns if none does."""
    asked, _, shell = os.environ.get(VARIABLE, "").partition("_")
    if asked != "complete" or shell not in _ANSWERS:
        return
    words, incomplete = _words(shell, os.environ)
    found = list(candidates(app, words, incomplete))
    if os.environ.get("_TYPER_COMPLETE_FISH_ACTION") == "is-args":
        sys.exit(0 if found else 1)  # fish completes file names instead
    typer.echo(_ANSWERS[shell](found))
    sys.exit(0)


def candidates(app: typer.Typer, words: list[str], incomplete: str) -> Iterator[Candidate]:
    """Yields what may take the place of the last word of a command line.

    Nothing is yielded where the name of a file, a number or a free text is expected.

    Args:
        app: The program.
        words: The words before the last one, without the name of the program.
        incomplete: The beginning of the last word.
    """
    option, equals, value = incomplete.partition("=")
    if equals and option.startswith("--"):
        for found in candidates(app, [*words, option], value):
            yield Candidate(f"{option}={found.word}", found.help)
        return
    words, options = list(words), _without_verbs(app, get_command)
    while words:
        name = words.pop(0)
        if name.startswith("-"):
            if words and any(name in param.opts and not param.is_flag for param in options.params):
                words.pop(0)
            continue
        if (group := next((info for info in app.registered_groups if info.name == name), None)) is not None:
            assert group.typer_instance is not None, "typer adds a group as an instance"
            app, options = group.typer_instance, _without_verbs(group.typer_instance, get_group)
            continue
        verb = next((info for info in app.registered_commands if _name(info) == name), None)
        if verb is not None:
            yield from _of_verb(verb, words, incomplete)
        return
    if incomplete.startswith("-"):
        yield from _options(options, [], incomplete)
        return
    for info in app.registered_commands:
        if not info.hidden and _name(info).startswith(incomplete):
            yield Candidate(_name(info), _first_sentence(info.short_help or inspect.getdoc(info.callback) or ""))
    for group in app.registered_groups:
        if isinstance(group.name, str) and group.name.startswith(incomplete) and group.typer_instance is not None:
            yield Candidate(group.name, _first_sentence(str(group.typer_instance.info.help)))


def _without_verbs(app: typer.Typer, build: Callable[[typer.Typer], Any]) -> Any:
    """Returns the program, or a group of verbs, as a command that has only options of its own."""
    bare = copy(app)
    bare.registered_commands, bare.registered_groups = [], []
    return build(bare)


def _of_verb(verb: CommandInfo, words: list[str], incomplete: str) -> Iterator[Candidate]:
    alone = typer.Typer(add_completion=False)
    alone.registered_commands.append(verb)
    command = get_command(alone)
    options: dict[str, Any] = {
        name: param for param in command.params for name in param.opts if isinstance(param, TyperOption)
    }
    arguments: list[Any] = [param for param in command.params if not isinstance(param, TyperOption)]
    awaited = None  # the option whose value comes next
    for word in words:
        if awaited is not None:
            awaited = None
        elif (option := options.get(word)) is not None and not option.is_flag:
            awaited = option
        elif not word.startswith("-") and arguments and arguments[0].nargs == 1:
            arguments.pop(0)
    if awaited is None and incomplete.startswith("-"):
        yield from _options(command, words, incomplete)
    elif awaited is not None or arguments:
        completed = (awaited or arguments[0]).shell_complete(typer.Context(command), incomplete)
        yield from (Candidate(item.value) for item in completed if item.type == "plain")


def _options(command: Any, words: list[str], incomplete: str) -> Iterator[Candidate]:
    """Yields the options of a command that are not given yet, or may be given again."""
    for param in command.params:
        names = [*param.opts, *param.secondary_opts]
        if not isinstance(param, TyperOption) or param.hidden or (not param.multiple and set(names) & set(words)):
            continue
        yield from (
            Candidate(name, _first_sentence(param.help or ""))
            for name in names
            if name.startswith(incomplete) and name.startswith("--")
        )
    if "--help".startswith(incomplete):
        yield Candidate("--help", "Show this message and exit.")


def _name(info: CommandInfo) -> str:
    return info.name or (info.callback.__name__.replace("_", "-") if info.callback else "")


def _first_sentence(text: str) -> str:
    sentence = " ".join(text.split()).partition(". ")[0].removesuffix(".")
    return sentence if len(sentence) <= _LONGEST_HELP else f"{sentence[: _LONGEST_HELP - 3]}..."


def _words(shell: str, environment: Mapping[str, str]) -> tuple[list[str], str]:
    """Returns the words between the name of the program and the cursor, and the one that ends there."""
    if shell == "bash":  # which makes `=` a word of its own
        words = _split(environment.get("COMP_WORDS", ""))
        cursor = environment.get("COMP_CWORD", "")
        at = int(cursor) if cursor.isdecimal() else len(words)
        incomplete = words[at] if at < len(words) else ""
        return [word for word in words[1:at] if word != "="], incomplete.removeprefix("=")
    line = environment.get("_TYPER_COMPLETE_ARGS", "")
    words = _split(line)
    if len(words) < 2 or line.endswith(" "):
        return words[1:], ""
    return words[1:-1], words[-1]


def _split(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:  # a quotation mark that is not closed yet
        return line.split()


def _for_bash(found: list[Candidate]) -> str:
    # Before the cursor bash replaces only what follows the `=`.
    return "\n".join(candidate.word.rpartition("=")[2] for candidate in found)


def _for_zsh(found: list[Candidate]) -> str:
    if not found:
        return "_files"
    described = (
        f'"{candidate.word}"' + (f':"{candidate.help.translate(_ZSH_QUOTES)}"' if candidate.help else "")
        for candidate in found
    )
    return f"_arguments '*: :(({' '.join(described)}))'"


def _for_fish(found: list[Candidate]) -> str:
    return "\n".join(f"{candidate.word}\t{candidate.help}".rstrip() for candidate in found)


_ANSWERS = {"bash": _for_bash, "zsh": _for_zsh, "fish": _for_fish}
