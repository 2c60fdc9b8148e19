"""Parameters of OpenSCENARIO: declared in scopes, referenced as `$speed`, computed as `${$speed / 3.6}`."""

from __future__ import annotations

import ast
import math
import operator
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from typing import Any

MAX_CHARACTERS, MAX_PARTS = 400, 150

_REFERENCE = re.compile(r"\$([A-Za-z_]\w*)")
_IN_FORMULA = re.compile(r"\$?\b([A-Za-z_]\w*)\b(?!\s*\()")
_BINARY: dict[type, Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
}
_COMPARISONS: dict[type, Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_FUNCTIONS: dict[str, Callable[..., float]] = {
    "round": lambda value: math.floor(value + 0.5),
    "floor": math.floor,
    "ceil": math.ceil,
    "sqrt": math.sqrt,
    "abs": abs,
    "sign": lambda value: (value > 0) - (value < 0),
    "pow": lambda base, exponent: math.pow(base, exponent),
    "min": min,
    "max": max,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
}

_CONSTANTS = {"true": "True", "false": "False", "pi": repr(math.pi)}

Values = Mapping[str, str]
"""Values of parameters by their names without `$`."""


class _Unreadable(ValueError):
    pass


def fill_in(element: ET.Element, values: Values) -> None:
    """Replaces references to parameters by their values, in an element and all its descendants.

    A declaration is valid within the element that holds it, and may depend on earlier and on enclosing declarations. An
    attribute that references an unknown parameter or cannot be computed stays as it is.
    """
    own = element.find("ParameterDeclarations")
    if own is not None:
        values = {**values, **declared(own, values)}
    for key, written in element.attrib.items():
        if "$" in written:
            element.attrib[key] = value_of(written, values)
    for part in element:
        if part is not own:
            fill_in(part, values)


def declared(declarations: ET.Element, around: Values) -> dict[str, str]:
    """Returns the values of declarations, which may depend on one another in any order.

    Args:
        declarations: The ParameterDeclarations element.
        around: Values in the enclosing scope.
    """
    waiting = {
        entry.attrib["name"].lstrip("$"): entry.attrib["value"]
        for entry in declarations.iterfind("ParameterDeclaration")
        if {"name", "value"} <= set(entry.attrib)
    }
    values: dict[str, str] = {}
    for _ in range(len(waiting)):
        for name, written in list(waiting.items()):
            outside = {key: value for key, value in around.items() if key not in waiting or key == name}
            known = {**outside, **values}
            result = value_of(written, known)
            if "$" not in result:
                values[name] = result
                del waiting[name]
    return {**waiting, **values}


def value_of(written: str, values: Values) -> str:
    """Returns an attribute with the values of its parameters, or unchanged if one of them is unknown."""
    if written.startswith("${") and written.endswith("}"):
        return _computed(written, values)
    if written.startswith("\\$"):
        return written[1:]
    named = _REFERENCE.fullmatch(written)
    return values.get(named[1], written) if named else written


def _computed(written: str, values: Values) -> str:
    formula = written[2:-1].strip()
    if (named := re.fullmatch(r"\$?([A-Za-z_]\w*)", formula)) and named[1] in values:
        return values[named[1]]
    text = _IN_FORMULA.sub(lambda found: _literal(values.get(found[1]), found[0]), formula)
    try:
        if len(text) > MAX_CHARACTERS:
            raise _Unreadable
        tree = ast.parse(text, mode="eval").body
        if sum(1 for _ in ast.walk(tree)) > MAX_PARTS:
            raise _Unreadable
        result = _evaluated(tree)
    except (ArithmeticError, SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return written
    if isinstance(result, bool):
        return "true" if result else "false"
    return result if isinstance(result, str) else repr(float(result)) if result % 1 else str(int(result))


def _literal(value: str | None, otherwise: str) -> str:
    if value is None:
        return _CONSTANTS.get(otherwise, otherwise)
    try:
        return f"({float(value)!r})"
    except ValueError:
        return {"true": "True", "false": "False"}.get(value, repr(value))


def _evaluated(node: ast.AST) -> Any:
    match node:
        case ast.Constant(value=bool() | int() | float() | str() as value):
            return value
        case ast.BinOp(left, operation, right) if type(operation) in _BINARY:
            return _BINARY[type(operation)](_number(_evaluated(left)), _number(_evaluated(right)))
        case ast.UnaryOp(ast.USub(), operand):
            return -_number(_evaluated(operand))
        case ast.UnaryOp(ast.UAdd(), operand):
            return _number(_evaluated(operand))
        case ast.UnaryOp(ast.Not(), operand):
            return not _evaluated(operand)
        case ast.BoolOp(ast.And(), operands):
            return all(_evaluated(operand) for operand in operands)
        case ast.BoolOp(ast.Or(), operands):
            return any(_evaluated(operand) for operand in operands)
        case ast.Compare(left, [comparison], [right]) if type(comparison) in _COMPARISONS:
            return _COMPARISONS[type(comparison)](_evaluated(left), _evaluated(right))
        case ast.Call(ast.Name(id=name), arguments, []) if name in _FUNCTIONS:
            return _FUNCTIONS[name](*(_number(_evaluated(argument)) for argument in arguments))
    raise _Unreadable


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Unreadable
    return value
