"""IDX files: what is read, and what is said about one that is not as it should be."""

import gzip
import struct
import tracemalloc

import numpy as np
import pytest
from data_files import CODES, complaint, idx_bytes

from nanogan.data import DataError, read_idx


@pytest.fixture
def images():
    return np.random.default_rng(1).integers(0, 256, (20, 7, 6), dtype=np.uint8)


@pytest.mark.parametrize("dtype", CODES)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("shape", [(5,), (3, 4), (2, 3, 4), (2, 3, 4, 2)])
def test_every_idx_type_is_read(tmp_path, dtype, pack, shape):
    array = np.random.default_rng(0).integers(0, 100, shape).astype(dtype)
    path = tmp_path / "no-telling-name"
    path.write_bytes(pack(idx_bytes(array)))
    read = read_idx(path)
    assert read.dtype == array.dtype and read.dtype.isnative and read.flags.writeable
    np.testing.assert_array_equal(read, array)
    np.testing.assert_array_equal(read_idx(str(path)), array)


def damaged(images):
    """name: (bytes, pieces of the message)"""
    good = idx_bytes(images)
    packed = gzip.compress(good)
    wrong_crc = bytearray(packed)
    wrong_crc[-8] ^= 1
    wrong_deflate = bytearray(packed)
    wrong_deflate[10] |= 0b110  # a block type that does not exist
    return {
        "empty": (b"", "is empty"),
        "empty in gzip": (gzip.compress(b""), "is empty"),
        "three bytes": (good[:3], "begins with 0x000008"),
        "a web page": (b"<!DOCTYPE html><html>", "begins with 0x3c21444f", "no IDX file"),
        "no axes": (b"\0\0\x08\0" + good[4:], "begins with 0x00000800"),
        "type": (b"\0\0\x0a\x03" + good[4:], "type code 0x0a", "0x00000a03", "0x08"),
        "half a header": (good[:9], "cut short", "takes 16 bytes", "9 are there"),
        "header alone": (good[:16], "cut short", "840 bytes", "0 follow"),
        "one byte short": (good[:-1], "cut short", "840 bytes", "839 follow"),
        "one byte long": (good + b"\0", "too long", "840 bytes"),
        "one byte long in gzip": (gzip.compress(good + b"\0"), "too long", "840 bytes"),
        "no images": (struct.pack(">BBBB3I", 0, 0, 8, 3, 0, 28, 28), "holds nothing", "(0, 28, 28)"),
        "a 2**96 header": (b"\0\0\x08\x03" + b"\xff" * 12 + good[16:], "cut short", "840 follow"),
        "a 2**96 header in gzip": (gzip.compress(b"\0\0\x0e\x03" + b"\xff" * 12), "cut short", "0 follow"),
        "gzip crc": (bytes(wrong_crc), "damaged gzip", "CRC"),
        "gzip deflate": (bytes(wrong_deflate), "damaged gzip"),
        "gzip cut": (packed[: len(packed) // 2], "damaged gzip"),
        "gzip without its end": (packed[:-8], "damaged gzip"),
        "gzip magic alone": (packed[:2], "damaged gzip"),
        "gzip and rubbish": (packed + b"rubbish", "damaged gzip"),
    }


@pytest.mark.parametrize("case", damaged(np.zeros((20, 7, 6), np.uint8)))
def test_a_damaged_idx_file_is_named_with_its_damage(tmp_path, images, case):
    content, *pieces = damaged(images)[case]
    path = tmp_path / "broken"
    path.write_bytes(content)
    text = complaint(read_idx, path)
    for piece in (str(path), *pieces):
        assert piece in text
    assert "again" in text


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_no_damage_escapes_as_another_exception_or_takes_memory(tmp_path, images, pack):
    good, random = pack(idx_bytes(images)), np.random.default_rng(2)
    variants = [good[:n] for n in range(0, len(good), 1 + len(good) // 300)]
    for place in [*range(40), *random.integers(0, len(good), 300)]:
        for bits in (0xFF, 1 << int(random.integers(8))):
            variants.append(good[:place] + bytes([good[place] ^ bits]) + good[place + 1 :])
    for _ in range(200):
        start, length = random.integers(len(good)), random.integers(1, 20)
        variants.append(good[:start] + random.bytes(length) + good[start + random.integers(0, 20) :])
    path, refused = tmp_path / "fuzzed", 0
    tracemalloc.start()
    for content in variants:
        path.write_bytes(content)
        try:
            read_idx(path)
        except DataError as error:
            refused += 1
            assert "\n" not in str(error) and str(path) in str(error)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert refused > 200 and peak < 2**24
