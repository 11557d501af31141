"""Value classes as `dataclasses` makes them, each part written when it is first needed.

`@dataclass(frozen=True, slots=True)` of the standard library compiles six methods a class when its
module is imported, 0.7 ms each class, and a verb imports some eighty classes to use a few. Here a
class is ready in a twentieth of that: its constructor is compiled when some values were made, its
fields are described when one asks for them, and the other methods need no compiling. `fields`,
`replace`, `asdict`, `match`, copying and pickling work as they do there.

Type checkers see the standard decorator. Only slotted classes, and no other options,
no InitVar or ClassVar, no inheritance between values: `dataclasses` has these.
"""

import dataclasses
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass as dataclass
from typing import Any


def late(*, slots: bool, frozen: bool = False, order: bool = False) -> Callable[[type], type]:
    """Decorate a class, as `dataclasses.dataclass` with the same options; slots must be True."""
    if not slots:
        raise ValueError("here are only classes with slots; see dataclasses for others")
    return lambda given: _made(given, frozen, order)


# Type checkers know values whole (replace, match) by the standard decorator alone: they read the
# import above, and what runs is `late`.
globals()["dataclass"] = late


def _made(given: type, frozen: bool, order: bool) -> type:
    own = vars(given)
    types: Mapping[str, object] = given.__annotations__
    names = tuple(types)
    said = {name: own[name] for name in names if name in own}
    for name, value in said.items():
        if value.__class__.__hash__ is None:
            raise ValueError(f"mutable default of {given.__name__}.{name}: use default_factory")
    compared = _compared(names, said)
    methods: dict[str, Any] = {
        "__eq__": _comparison(operator.eq, compared),
        "__repr__": _repr,
        "__hash__": None,
        "__doc__": given.__name__,
    }
    if order:
        methods |= {f"__{each.__name__}__": _comparison(each, compared) for each in _ORDER}
    if frozen:
        methods |= _FROZEN
        methods["__hash__"] = lambda self: hash(compared(self))
    body = {key: value for key, value in own.items() if key not in said and key not in _OF_DICT}
    body |= {
        "__slots__": names,
        "__match_args__": names,
        # A class that says how it is compared has a __hash__ of None that it did not write.
        **{name: method for name, method in methods.items() if own.get(name) is None},
    }
    made: Any = type(given)(given.__name__, given.__bases__, body)
    made.__qualname__ = given.__qualname__
    made.__dataclass_fields__ = _LateFields(made, types, said)
    if "__init__" not in own:
        made.__init__ = _first_calls(made, names, said)
    cls: type = made
    return cls


def _compared(names: Sequence[str], said: Mapping[str, object]) -> Callable[[Any], object]:
    """What of a value is compared and hashed: a bare value where that is one field."""
    fields = ((name, said.get(name)) for name in names)
    of = [name for name, one in fields if not isinstance(one, dataclasses.Field) or one.compare]
    return operator.attrgetter(*of) if of else type


class _LateFields:
    """`__dataclass_fields__` of a class: what the standard library makes of the same lines."""

    def __init__(self, cls: Any, types: Mapping[str, object], said: Mapping[str, object]) -> None:
        self._given = cls, types, said

    def __get__(self, value: object, of: object) -> Any:
        cls, types, said = self._given
        # Of types that are texts each would be looked into for ClassVar.
        body = {**said, "__annotations__": dict.fromkeys(types, object), "__doc__": cls.__name__}
        standard: Any = dataclasses.dataclass(init=False, repr=False, eq=False)(
            type(cls.__name__, (), body)
        )
        fields = standard.__dataclass_fields__
        for name, each in fields.items():
            each.type = types[name]
        cls.__dataclass_params__ = standard.__dataclass_params__
        cls.__dataclass_fields__ = fields
        return fields


_FEW = 8
"""Values of a class for which compiling its constructor does not pay."""
_ORDER = (operator.lt, operator.le, operator.gt, operator.ge)
_OF_DICT = ("__dict__", "__weakref__")
"""What a class with slots has not."""
_Slot = tuple[str, Callable[[object, object], None], Any, Any]
"""Name, setter, default, and what makes the default; MISSING for those that it lacks."""


def _slots(cls: Any, names: Sequence[str], said: Mapping[str, Any]) -> list[_Slot]:
    slots: list[_Slot] = []
    for name in names:
        value: Any = said.get(name, dataclasses.MISSING)
        of_field = isinstance(value, dataclasses.Field)
        default = value.default if of_field else value
        factory = value.default_factory if of_field else dataclasses.MISSING
        slots.append((name, vars(cls)[name].__set__, default, factory))
    return slots


def _first_calls(cls: Any, names: Sequence[str], said: Mapping[str, Any]) -> Callable[..., None]:
    """A constructor that after some values puts a compiled one in its place, a tenth of a ms.

    Two threads put equal ones. What is called wrongly is called so by the compiled one.
    """
    slots: list[_Slot] = []
    calls = 0

    def __init__(self: object, *args: object, **named: object) -> None:  # noqa: N807
        nonlocal calls, slots
        calls += 1
        slots = slots or _slots(cls, names, said)
        if calls > _FEW or not _fill(self, slots, args, named):
            written = _constructor(cls, slots)
            cls.__init__ = written
            written(self, *args, **named)

    return __init__


def _fill(
    self: Any,
    slots: Sequence[_Slot],
    args: tuple[object, ...],
    named: dict[str, object],
) -> bool:
    """Set all fields as a constructor does; False if it would refuse these arguments."""
    given = dict(zip((name for name, *_ in slots), args, strict=False))
    if len(given) < len(args) or not given.keys().isdisjoint(named):
        return False
    given |= named
    for name, put, default, factory in slots:
        if name in given:
            put(self, given.pop(name))
        elif default is not dataclasses.MISSING:
            put(self, default)
        elif factory is not dataclasses.MISSING:
            put(self, factory())
        else:
            return False
    if given:
        return False
    if hasattr(self, "__post_init__"):
        self.__post_init__()
    return True


def _constructor(cls: Any, slots: Sequence[_Slot]) -> Callable[..., None]:
    known: dict[str, Any] = {"_missing": dataclasses.MISSING}
    heads, lines = ["self"], []
    free = cls.__setattr__ is object.__setattr__
    for name, put, default, factory in slots:
        value, known_default = name, f"_default_{name}"
        if default is not dataclasses.MISSING:
            known[known_default] = default
            heads.append(f"{name}={known_default}")
        elif factory is not dataclasses.MISSING:
            known[known_default] = factory
            heads.append(f"{name}=_missing")
            value = f"{known_default}() if {name} is _missing else {name}"
        else:
            heads.append(name)
        # The slot's own setter needs no look-up of the name: half the time of object.__setattr__.
        known[f"_set_{name}"] = put
        lines.append(f" self.{name} = {value}" if free else f" _set_{name}(self, {value})")
    if hasattr(cls, "__post_init__"):
        lines.append(" self.__post_init__()")
    text = f"def __init__({', '.join(heads)}):\n" + ("\n".join(lines) or " pass")
    exec(text, known)  # noqa: S102 - names of fields are our own code's
    written: Callable[..., None] = known["__init__"]
    written.__qualname__ = f"{cls.__qualname__}.__init__"
    return written


def _comparison(
    how: Callable[[Any, Any], object], compared: Callable[[Any], object]
) -> Callable[[object, object], object]:
    def compare(self: object, other: object) -> object:
        if other.__class__ is self.__class__:
            return how(compared(self), compared(other))
        return NotImplemented

    return compare


def _repr(self: Any) -> str:
    shown = (f"{each.name}={getattr(self, each.name)!r}"
             for each in dataclasses.fields(self) if each.repr)  # fmt: skip
    return f"{self.__class__.__qualname__}({', '.join(shown)})"


def _state(self: Any) -> list[Any]:
    return [getattr(self, each.name) for each in dataclasses.fields(self)]


def _restore(self: Any, state: list[Any]) -> None:
    for each, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, each.name, value)


def _refuse_set(self: object, name: str, value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_delete(self: object, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


_FROZEN = {
    "__getstate__": _state,
    "__setstate__": _restore,
    "__setattr__": _refuse_set,
    "__delattr__": _refuse_delete,
}
