"""Value classes as `dataclasses` makes them, each method written when it is first needed.

`@dataclass(frozen=True, slots=True)` of the standard library compiles six methods a class when its
module is imported, 0.7 ms each class, and a verb imports some eighty classes to use a few. Here a
class is ready in a tenth of that; its constructor is compiled when some values were made, and the
other methods need no compiling. `fields`, `replace`, `asdict`, `match`, copying and pickling work
as they do there.

Type checkers see the standard decorator. Only slotted classes, and no other options,
no InitVar or ClassVar, no inheritance between values: `dataclasses` has these.
"""

import dataclasses
import operator
from collections.abc import Callable, Sequence
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
    # Else dataclasses would write one, from the constructor that is not there yet.
    given.__doc__ = given.__doc__ or given.__name__
    own = vars(given)
    cls = _with_fields(given)
    names = tuple(each.name for each in dataclasses.fields(cls) if each.compare)
    # Of one name attrgetter gives the bare value, which is as good to compare and to hash.
    compared = operator.attrgetter(*names) if names else type
    methods: dict[str, Any] = {
        "__init__": _first_calls(cls),
        "__eq__": _comparison(operator.eq, compared),
        "__repr__": _repr,
        "__hash__": None,
    }
    if order:
        methods |= {f"__{each.__name__}__": _comparison(each, compared) for each in _ORDER}
    if frozen:
        methods |= {
            "__hash__": lambda self: hash(compared(self)),
            "__getstate__": _state,
            "__setstate__": _restore,
            "__setattr__": _refuse_set,
            "__delattr__": _refuse_delete,
        }
    for name, method in methods.items():
        # A class that says how it is compared has a __hash__ of None that it did not write.
        if own.get(name) is None:
            setattr(cls, name, method)
    made: type = cls
    return made


def _with_fields(given: type) -> Any:
    """The class with slots and fields; of types that are texts none is looked into for ClassVar."""
    types = dict(given.__annotations__)
    given.__annotations__.update(dict.fromkeys(types, object))
    cls: Any = dataclasses.dataclass(init=False, repr=False, eq=False, slots=True)(given)
    cls.__annotations__.update(types)
    for each in dataclasses.fields(cls):
        each.type = types[each.name]
    return cls


_FEW = 8
"""Values of a class for which compiling its constructor does not pay."""
_ORDER = (operator.lt, operator.le, operator.gt, operator.ge)


def _first_calls(cls: Any) -> Callable[..., None]:
    """A constructor that after some values puts a compiled one in its place, a tenth of a ms.

    Two threads put equal ones. What is called wrongly is called so by the compiled one.
    """
    slots: list[tuple[str, Callable[[object, object], None], Any, Any]] = []
    calls = 0

    def __init__(self: object, *args: object, **named: object) -> None:  # noqa: N807
        nonlocal calls
        calls += 1
        if not slots:
            slots.extend(
                (each.name, vars(cls)[each.name].__set__, each.default, each.default_factory)
                for each in dataclasses.fields(cls)
            )
        if calls > _FEW or not _fill(self, slots, args, named):
            written = _constructor(cls)
            cls.__init__ = written
            written(self, *args, **named)

    return __init__


def _fill(
    self: Any,
    slots: Sequence[tuple[str, Callable[[object, object], None], Any, Any]],
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


def _constructor(cls: Any) -> Callable[..., None]:
    known: dict[str, Any] = {"_missing": dataclasses.MISSING}
    said, lines = ["self"], []
    free = cls.__setattr__ is object.__setattr__
    for each in dataclasses.fields(cls):
        name, default = each.name, f"_default_{each.name}"
        value = name
        if each.default is not dataclasses.MISSING:
            known[default] = each.default
            said.append(f"{name}={default}")
        elif each.default_factory is not dataclasses.MISSING:
            known[default] = each.default_factory
            said.append(f"{name}=_missing")
            value = f"{default}() if {name} is _missing else {name}"
        else:
            said.append(name)
        # The slot's own setter needs no look-up of the name: half the time of object.__setattr__.
        known[f"_set_{name}"] = vars(cls)[name].__set__
        lines.append(f" self.{name} = {value}" if free else f" _set_{name}(self, {value})")
    if hasattr(cls, "__post_init__"):
        lines.append(" self.__post_init__()")
    text = f"def __init__({', '.join(said)}):\n" + ("\n".join(lines) or " pass")
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
