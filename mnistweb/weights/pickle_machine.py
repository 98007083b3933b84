"""Runs a pickle in a machine where only the names that NumPy writes for its arrays mean anything.

Each of those names is a stand-in that collects a shape, a dtype and bytes. (NumPy's own classes would be no
refuge: a crafted state makes `numpy.ndarray.__setstate__` read memory that is not its own.)
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from mnistweb.weights.arrays import build_array, check_dtype
from mnistweb.weights.errors import WeightsError
from mnistweb.weights.pickle_look import KNOWN_NAMES, check_name


def run(data: bytes) -> Any:
    """What the pickle describes, with `StandInArray`s in the places of its arrays."""
    machine = Machine(data)
    try:
        return machine.load()
    except WeightsError:
        raise
    except Exception as error:  # a malformed program can make the machine raise almost anything
        raise WeightsError(f"damaged: {type(error).__name__}: {error}") from error
    finally:
        machine.forget()


class Machine(pickle.Unpickler):
    """The standard reader, for which only `KNOWN_NAMES` exist, each a stand-in made for this one file."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data), fix_imports=False, encoding="latin1")
        self._unclaimed = {"arrays": len(data), "encoded": len(data)}
        meanings: dict[str, Callable[..., Any]] = {
            "ndarray": self._ndarray,
            "dtype": self._dtype,
            "encode": self._encode,
            "_reconstruct": self._reconstruct,
            "scalar": self._scalar,
            "_frombuffer": self._from_buffer,
        }
        self._names = {name: _Name(meanings[name.split(" ")[1]]) for name in KNOWN_NAMES}

    def forget(self) -> None:
        """Let go of everything: what it knows knows it too, and would keep the whole file in memory."""
        self._names.clear()
        self.memo.clear()

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in for a name; WeightsError when NumPy writes no such name."""
        check_name(module, name)
        return self._names[f"{module} {name}"]

    def _claim(self, purpose: str, count: int) -> None:
        # Bytes in the memo can be used again and again: a short file could ask for many copies of them.
        self._unclaimed[purpose] -= count
        if self._unclaimed[purpose] < 0:
            raise WeightsError("the arrays claim more bytes than the file has")

    def _ndarray(self, *arguments: Any) -> NoReturn:
        raise WeightsError("calls numpy.ndarray itself; arrays are pickled through numpy's _reconstruct")

    def _dtype(self, name: Any, *flags: Any) -> StandInDtype:
        return StandInDtype(name)

    def _reconstruct(self, *arguments: Any) -> StandInArray:
        return StandInArray(self._claim)

    def _encode(self, text: Any, encoding: Any) -> bytes:
        if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
            raise WeightsError("_codecs.encode of something other than bytes written as latin1 text")
        self._claim("encoded", len(text))
        return text.encode("latin-1")

    def _scalar(self, dtype: Any, data: Any) -> StandInArray:
        scalar = StandInArray(self._claim, is_scalar=True)
        scalar.__setstate__((1, (), dtype, False, data))
        return scalar

    def _from_buffer(self, data: Any, dtype: Any, shape: Any, order: Any, axes: Any = None) -> StandInArray:
        if order not in ("C", "F", "K") or (order == "K") != (axes is not None):
            raise WeightsError(f"an array in order {order!r:.20}; wanted C, F, or K with its axes")
        array = StandInArray(self._claim, axes=axes)
        array.__setstate__((1, shape, dtype, order == "F", data))
        return array


class _Name:
    """What a name of NumPy means in the machine. It can be called, and nothing can be hung on it."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def __call__(self, *arguments: Any) -> Any:
        return self._call(*arguments)

    def __setstate__(self, state: Any) -> NoReturn:
        raise WeightsError("sets the state of a function")


class StandInDtype:
    """Stands for numpy.dtype: a name of two letters, then a byte order, and no fields."""

    __slots__ = ("byte_order", "name")

    def __init__(self, name: Any) -> None:
        check_dtype(name)
        self.name: str = name
        self.byte_order = "="

    def __setstate__(self, state: Any) -> None:
        # (version, byte order, subarray, field names, fields, item size, alignment, flags)
        if not isinstance(state, tuple) or len(state) != 8 or any(part is not None for part in state[2:5]):
            raise WeightsError("a dtype with fields or a strange state; only plain numbers are read")
        if not isinstance(state[1], str) or state[1] not in ("<", ">", "|", "="):
            raise WeightsError(f"a dtype with byte order {state[1]!r:.20}")
        self.byte_order = state[1]


class StandInArray:
    """Stands for numpy.ndarray: waits for its state and builds the array, or the NumPy scalar, from it."""

    __slots__ = ("_array", "_axes", "_claim", "_is_scalar")

    def __init__(
        self, claim: Callable[[str, int], None], *, axes: Any = None, is_scalar: bool = False
    ) -> None:
        self._claim = claim
        self._is_scalar = is_scalar
        self._axes = axes
        self._array: np.ndarray | None = None

    def __setstate__(self, state: Any) -> None:
        if self._array is not None or not isinstance(state, tuple) or len(state) != 5:
            raise WeightsError("an array with a strange state")
        _, shape, dtype, fortran, data = state
        if not isinstance(shape, tuple) or not isinstance(dtype, StandInDtype):
            raise WeightsError("an array without a shape or a dtype")
        if isinstance(data, list):
            raise WeightsError("an array of Python objects; only numbers are read")
        if isinstance(data, str):
            data = data.encode("latin-1")  # Python 2 had no other type for bytes
        if not isinstance(data, bytes | bytearray):
            raise WeightsError("an array without bytes")
        self._claim("arrays", len(data))
        array = build_array(data, dtype.name, shape, byte_order=dtype.byte_order, fortran=bool(fortran))
        if self._axes is not None:
            if not isinstance(self._axes, tuple) or sorted(self._axes) != list(range(array.ndim)):
                raise WeightsError("an array whose axes are not a permutation")
            array = np.ascontiguousarray(array.transpose(self._axes))
        self._array = array

    def built(self) -> Any:
        """The array, or the scalar; WeightsError when the file never gave its shape and bytes."""
        if self._array is None:
            raise WeightsError("an array that never got its shape and bytes")
        return self._array[()] if self._is_scalar else self._array
