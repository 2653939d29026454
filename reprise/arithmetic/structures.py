"""The structures of c/program.h, field by field (a test compares sizes and offsets)."""

from __future__ import annotations

import ctypes
from ctypes import c_double, c_int64, c_ssize_t, c_uint64, c_void_p
from typing import ClassVar

Fields = list[tuple[str, type]]


def _sizes(names: str) -> Fields:
    return [(name, c_ssize_t) for name in names.split()]


class LinearShape(ctypes.Structure):
    """``linear`` of layers.h."""

    _fields_: ClassVar[Fields] = [("inputs", c_ssize_t), ("outputs", c_ssize_t)]


class ConvolutionShape(ctypes.Structure):
    """``convolution`` of layers.h: sizes of one image, channels last."""

    _fields_: ClassVar[Fields] = _sizes(
        "height width channels out_height out_width out_channels kernel_h kernel_w stride_h stride_w pad_h "
        "pad_w dilation_h dilation_w groups"
    )


class Window(ctypes.Structure):
    """``window`` of families.h: what pooling looks at."""

    _fields_: ClassVar[Fields] = _sizes(
        "height width channels out_height out_width kernel_h kernel_w stride_h stride_w pad_h pad_w"
    )


MOST_AXES = 5


class Strides(ctypes.Structure):
    """``strides`` of families.h: where the values of a row are taken from, in floats."""

    _fields_: ClassVar[Fields] = [
        ("first", c_ssize_t),
        ("size", c_ssize_t * MOST_AXES),
        ("step", c_ssize_t * MOST_AXES),
    ]


class MatrixPairs(ctypes.Structure):
    """``matrix_pairs`` of layers.h: what is multiplied, for each row."""

    _fields_: ClassVar[Fields] = _sizes("pairs height inner width transposed")


class Piecewise(ctypes.Structure):
    """``piecewise`` of families.h: numbers among the columns, and how finely they are told apart."""

    _fields_: ClassVar[Fields] = _sizes("features columns knots bins")


class Operation(ctypes.Structure):
    """``operation`` of program.h."""

    _fields_: ClassVar[Fields] = [
        *_sizes(
            "kind x x2 y weight bias relu floats pixels channels wants_gx wants_gx2 adds_gx adds_gx2 "
            "x_floats x2_floats choice stream keep_below"
        ),
        ("number", c_double),
        ("running_mean", c_void_p),
        ("running_variance", c_void_p),
        ("mean", c_void_p),
        ("variance", c_void_p),
        ("statistics", c_void_p),
        ("packed", c_void_p),
        ("packed_for_gradient", c_void_p),
        ("linear", LinearShape),
        ("convolution", ConvolutionShape),
        ("window", Window),
        ("strides", Strides),
        ("matrices", MatrixPairs),
        ("piecewise", Piecewise),
    ]


class Packing(ctypes.Structure):
    """``packing`` of program.h."""

    _fields_: ClassVar[Fields] = _sizes("begun done")


class Program(ctypes.Structure):
    """``program`` of program.h."""

    _fields_: ClassVar[Fields] = [
        ("operations", c_void_p),
        ("count", c_ssize_t),
        ("outputs", c_ssize_t),
        ("members", c_ssize_t),
        ("values", c_void_p),
        ("gradients", c_void_p),
        ("spare", c_void_p),
        ("parameters", c_void_p),
        ("packings", c_void_p),
        ("version", c_ssize_t),
    ]


class ImageRows(ctypes.Structure):
    """``image_rows`` of families.h: how stored images become the model's input."""

    _fields_: ClassVar[Fields] = [
        *_sizes("channels height width reach"),
        ("mean", c_void_p),
        ("std", c_void_p),
        ("down", c_void_p),
        ("right", c_void_p),
        ("mirrored", c_void_p),
    ]


class Augmentation(ctypes.Structure):
    """``augmentation`` of families.h: how rows are changed, each by its number."""

    _fields_: ClassVar[Fields] = [
        ("maps", c_void_p),
        ("colours", c_void_p),
        ("holes", c_void_p),
        ("partners", c_void_p),
        ("shares", c_void_p),
    ]


class RowSource(ctypes.Structure):
    """``row_source`` of program.h."""

    _fields_: ClassVar[Fields] = [
        ("x", c_void_p),
        ("numbers", c_void_p),
        ("rows", c_ssize_t),
        ("width", c_ssize_t),
        ("images", ctypes.POINTER(ImageRows)),
        ("changes", ctypes.POINTER(Augmentation)),
    ]


class SliceJob(ctypes.Structure):
    """``slice_job`` of program.h."""

    _fields_: ClassVar[Fields] = [
        ("source", RowSource),
        ("targets", c_void_p),
        ("loss", c_ssize_t),
        ("smoothing", c_double),
        ("delta", c_double),
        ("scale", c_double),
        ("class_weights", c_void_p),
        ("dropout_key", c_uint64),
        ("gradients", c_void_p),
        ("loss_sum", c_double),
        ("correct", c_double),
    ]


class Update(ctypes.Structure):
    """``update`` of families.h: the numbers of one optimizer step."""

    _fields_: ClassVar[Fields] = [
        *((name, c_double) for name in (
            "rate", "weight_decay", "factor", "momentum", "beta1", "beta2", "eps", "correction1",
            "correction2",
        )),
        ("decoupled", ctypes.c_int),
    ]  # fmt: skip


class SharedUpdate(ctypes.Structure):
    """``shared_update`` of sharing.h."""

    _fields_: ClassVar[Fields] = [
        ("settings", ctypes.POINTER(Update)),
        ("values", c_void_p),
        ("mean", c_void_p),
        ("square", c_void_p),
        ("velocity", c_void_p),
        ("gradients", c_void_p),
        *_sizes("slices count adam begun done"),
    ]


INT64_POINTER = ctypes.POINTER(c_int64)
