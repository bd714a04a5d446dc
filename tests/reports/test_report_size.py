"""A report with as many pictures as a person may choose stays small."""

from __future__ import annotations

import base64
import io

import numpy as np
import pandas as pd
from PIL import Image

from dvaudit import reporting
from dvaudit.core.dataset import Kind
from dvaudit.core.decisions import Decision, Verdict
from dvaudit.reports import MOST_SHOWN, Choice, render_html

LIMIT = 10_000_000


def photo(seed: int) -> bytes:
    """A thumbnail of 128 x 128 with the detail of a photograph: smooth shapes and some noise."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((128, 128), Image.Resampling.BICUBIC), dtype=float)
    noisy = np.clip(smooth + rng.normal(0, 12, smooth.shape), 0, 255).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(noisy).save(out, "JPEG", quality=85)
    return out.getvalue()


def noise(seed: int) -> bytes:
    """The worst there is: a PNG of pure noise."""
    pixels = np.random.default_rng(seed).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def filled(make_report, picture):
    """A report of 700 samples, of which all are flagged and 200 judged; 20 pictures repeat."""
    samples = make_report().samples
    many = pd.concat([samples] * 6, ignore_index=True).head(700)
    many["id"] = [f"folder of a class/picture number {at:05d}.jpg" for at in range(700)]
    many["suspicion_rank"] = pd.array(range(1, 701), dtype="Int64")
    many["flagged"] = True
    names = many["id"].tolist()
    decisions = {name: Decision(name, Verdict.RELABEL, "owl") for name in names[-200:]}
    drawn = [picture(seed) for seed in range(20)]
    pictures = reporting._pictures(
        many, make_report().duplicates.iloc[:0], decisions, lambda at: drawn[at % 20], MOST_SHOWN
    )
    return make_report(samples=many, kind=Kind.IMAGE, thumbnails=pictures, decisions=decisions)


def test_500_photographs_stay_below_10_megabytes(make_report):
    page = render_html(filled(make_report, photo), Choice(shown=MOST_SHOWN))
    assert page.count('<figure class="shot"><img') == 500
    assert page.count("data:image/jpeg") == 700
    assert "200 more samples not shown in this report." in page
    assert len(page.encode()) < LIMIT


def test_500_pictures_of_noise_do_too(make_report):
    report = filled(make_report, noise)
    assert len(render_html(report, Choice(shown=MOST_SHOWN)).encode()) < LIMIT
    for uri in report.thumbnails.values():
        content = base64.b64decode(uri.partition(",")[2])
        assert len(content) <= reporting.PICTURE_BYTES
        assert max(Image.open(io.BytesIO(content)).size) >= 64


def test_a_small_picture_is_left_as_it_is():
    out = io.BytesIO()
    Image.new("L", (28, 28), 9).save(out, "PNG")
    assert reporting._small(out.getvalue()) == out.getvalue()
