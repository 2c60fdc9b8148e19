"""The expression language of sweeps: `boxes[0].xyxy[2] > boxes[0].xyxy[0] + 40 and time_of_day == 'night'`.

An expression is either a constraint of a sweep (`where`) or the value of a field (`equals`). The language has numbers,
texts, `true`, `false`, `null`, fields by path, + - * / // %, comparisons, `in [..]`, and, or, not, `a if b else c`, and
the functions abs, min and max. Python's parser reads an expression, but every node is checked, and nothing is ever
evaluated as Python.
"""

from __future__ import annotations

import ast
import operator
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from drivesim.scenario.text.problems import FieldPath, clipped, shown

MAX_CHARACTERS = 400
MAX_PARTS = 150

_ARITHMETIC = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_ORDER = {ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge}
_EQUALITY = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
}
_FUNCTIONS: dict[str, tuple[Callable[..., Any], int]] = {"abs": (abs, 1), "min": (min, 2), "max": (max, 2)}
_WORDS = {"true": True, "false": False, "null": None}

_Part = Callable[[Any], Any]


class ExpressionError(ValueError):
    """An expression is wrong, or cannot be computed from the values of a scenario."""


@dataclass(frozen=True)
class Expression:
    """A parsed expression.

    Attributes:
        text: The expression as it was written.
        fields: Paths of the fields that it uses.
        num_parts: Number of its operations, fields and constants; the time that its value takes is proportional to it.
    """

    text: str
    fields: frozenset[FieldPath]
    num_parts: int
    _compute: _Part

    @classmethod
    def parse(cls, text: str) -> Expression:
        """Parses a text; raises ExpressionError if it is not an expression of the language or is too long."""
        if len(text) > MAX_CHARACTERS:
            raise ExpressionError(f"expected at most {MAX_CHARACTERS} characters, got {len(text)}")
        tree = _parsed(text)
        if tree is None:
            raise ExpressionError(f"expected an expression such as `duration_s <= 8`, got '{clipped(text)}'")
        num_parts = sum(1 for _ in ast.walk(tree))
        if num_parts > MAX_PARTS:
            raise ExpressionError(f"expected at most {MAX_PARTS} parts; write it as several expressions")
        fields: set[FieldPath] = set()
        compute = _compiled(tree, fields)
        return cls(text, frozenset(fields), num_parts, compute)

    def value(self, document: Mapping[str, Any]) -> Any:
        """Returns the value for a scenario that is given as plain data.

        Raises:
            ExpressionError: A field is missing, or an operation is not defined for its values.
        """
        try:
            return self._compute(document)
        except ArithmeticError as error:
            raise ExpressionError(f"cannot be computed: {error}") from None

    def holds(self, document: Mapping[str, Any]) -> bool:
        """Returns whether the expression is true; raises ExpressionError if it is neither true nor false."""
        value = self.value(document)
        if not isinstance(value, bool):
            raise ExpressionError(f"expected a comparison, which is true or false, got {shown(value)}")
        return value


def parse_path(text: str) -> FieldPath:
    """Returns the path that a text such as `boxes[0].xyxy[2]` means; raises ExpressionError if it is not a path."""
    path = _path(_parsed(text)) if len(text) <= MAX_CHARACTERS else None
    if path is None:
        raise ExpressionError(f"expected a field such as `time_of_day` or `boxes[0].xyxy[2]`, got '{clipped(text)}'")
    return path


def path_text(path: FieldPath) -> str:
    """Returns the text of a path, such as `boxes[0].xyxy[2]`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def field_at(document: Any, path: FieldPath) -> Any:
    """Returns the value at a path of plain data; raises ExpressionError if there is none."""
    for depth, step in enumerate(path):
        here = f"there is no `{path_text(path[: depth + 1])}`"
        if isinstance(document, list | tuple) and isinstance(step, int):
            if step >= len(document):
                raise ExpressionError(f"{here}, only {len(document)} of them")
        elif not isinstance(document, Mapping) or step not in document:
            raise ExpressionError(f"{here} in the scenario")
        document = document[step]
    return document


def _parsed(text: str) -> ast.expr | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _compiled(node: ast.AST, fields: set[FieldPath]) -> _Part:
    match node:
        case ast.Constant(value=bool() | int() | float() | str() as value):
            return lambda _: value
        case ast.Name(id=word) if word in _WORDS:
            return lambda _: _WORDS[word]
        case ast.Name() | ast.Attribute() | ast.Subscript() if (path := _path(node)) is not None:
            fields.add(path)
            return lambda document: field_at(document, path)
        case ast.BinOp(left, operation, right) if type(operation) in _ARITHMETIC:
            apply, parts = _ARITHMETIC[type(operation)], [_compiled(part, fields) for part in (left, right)]
            return lambda document: apply(*(_number(part(document)) for part in parts))
        case ast.UnaryOp(ast.USub(), operand):
            part = _compiled(operand, fields)
            return lambda document: -_number(part(document))
        case ast.UnaryOp(ast.Not(), operand):
            part = _compiled(operand, fields)
            return lambda document: not _truth(part(document))
        case ast.BoolOp(operation, values):
            parts, join = [_compiled(value, fields) for value in values], all if type(operation) is ast.And else any
            return lambda document: join(_truth(part(document)) for part in parts)
        case ast.Compare(left, operations, comparators):
            return _comparison([left, *comparators], operations, fields)
        case ast.IfExp(test, body, orelse):
            condition, then, otherwise = (_compiled(part, fields) for part in (test, body, orelse))
            return lambda document: then(document) if _truth(condition(document)) else otherwise(document)
        case ast.Call(ast.Name(id=name), arguments, []) if name in _FUNCTIONS:
            function, least = _FUNCTIONS[name]
            if len(arguments) < least or (name == "abs" and len(arguments) > 1):
                raise ExpressionError(f"`{name}` takes {'one number' if name == 'abs' else 'two or more numbers'}")
            parts = [_compiled(argument, fields) for argument in arguments]
            return lambda document: function(*(_number(part(document)) for part in parts))
        case _:
            raise ExpressionError(f"`{clipped(ast.unparse(node))}` is not part of the expression language")


def _comparison(operands: list[ast.expr], operations: list[ast.cmpop], fields: set[FieldPath]) -> _Part:
    tests: list[Callable[[Any, Any], bool]] = []
    parts = [_compiled(operands[0], fields)]
    for operand, operation in zip(operands[1:], operations, strict=True):
        if isinstance(operation, ast.In | ast.NotIn):
            if not isinstance(operand, ast.List | ast.Tuple):
                raise ExpressionError("expected a list in brackets after `in`")
            parts.append(_list_of([_compiled(choice, fields) for choice in operand.elts]))
        else:
            parts.append(_compiled(operand, fields))
        if type(operation) in _ORDER:
            tests.append(_of_numbers(_ORDER[type(operation)]))
        elif type(operation) in _EQUALITY:
            tests.append(_EQUALITY[type(operation)])
        else:
            raise ExpressionError("expected ==, !=, <, <=, >, >= or in")

    def compare(document: Any) -> bool:
        values = [part(document) for part in parts]
        return all(test(left, right) for test, left, right in zip(tests, values, values[1:], strict=False))

    return compare


def _list_of(parts: list[_Part]) -> _Part:
    return lambda document: [part(document) for part in parts]


def _of_numbers(order: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda left, right: order(_number(left), _number(right))


def _path(node: ast.AST | None) -> FieldPath | None:
    match node:
        case ast.Name(id=name):
            return (name,)
        case ast.Attribute(value, name) if (path := _path(value)) is not None:
            return (*path, name)
        case ast.Subscript(value, ast.Constant(value=int() as index)) if (path := _path(value)) is not None:
            return None if isinstance(index, bool) else (*path, index)
    return None


def _number(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ExpressionError(f"expected a number, got {shown(value)}")
    return value


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ExpressionError(f"expected true or false, got {shown(value)}")
    return value
