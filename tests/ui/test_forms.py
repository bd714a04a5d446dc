"""Settings forms draw every kind of setting, and return what was changed."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from dvaudit import features, valuators
from dvaudit.core.settings import specs


def _script() -> None:
    from dataclasses import dataclass

    import streamlit as st

    from dvaudit.core.settings import setting, specs
    from dvaudit.ui.forms import settings_form

    @dataclass(frozen=True)
    class Settings:
        ridge: float | None = setting(None, "A ridge.", low=0.0, high=10.0)
        rate: float = setting(0.01, "A rate.", low=0.0, label="Step size *")
        rows: int = setting(2000, "Rows.", low=1)
        exact: bool = setting(False, "Exact?")
        precision: str = setting("auto", "Bits.", choices=("auto", "float32"))
        weights: str | None = setting(None, "A file.")

    st.json(settings_form(specs(Settings), key="x"))


@pytest.fixture
def form() -> AppTest:
    app = AppTest.from_function(_script).run()
    assert not app.exception
    return app


def _changed(app: AppTest) -> str:
    app.run()
    assert not app.exception
    return str(app.json[0].value)


def test_untouched_nothing_is_changed(form: AppTest) -> None:
    assert _changed(form) == "{}"


def test_every_kind_of_setting_can_be_changed(form: AppTest) -> None:
    form.number_input(key="x.ridge").set_value(0.5)
    form.number_input(key="x.rate").set_value(1e-6)
    form.number_input(key="x.rows").set_value(10)
    form.toggle(key="x.exact").set_value(True)
    form.selectbox(key="x.precision").select("float32")
    form.text_input(key="x.weights").set_value(" /a b.pt ")
    assert _changed(form) == (
        '{"ridge": 0.5, "rate": 1e-06, "rows": 10, "exact": true, "precision": "float32", '
        '"weights": "/a b.pt"}'
    )


def test_an_emptied_number_is_automatic_or_the_default(form: AppTest) -> None:
    form.number_input(key="x.ridge").set_value(0.5)
    form.run()
    form.number_input(key="x.ridge").set_value(None)
    form.number_input(key="x.rows").set_value(None)
    assert _changed(form) == "{}"


def test_widgets_carry_the_labels_as_they_are_written(form: AppTest) -> None:
    assert form.number_input(key="x.ridge").label == "Ridge"
    assert form.number_input(key="x.rate").label == "Step size \\*"


SETTINGS = {
    **{info.name: info.settings for info in valuators.describe()},
    **{name: specs(extractor.Settings) for name, extractor in features.extractors().items()},
}


@pytest.mark.parametrize("owner", SETTINGS)
def test_labels_of_a_form_are_short_and_differ(owner: str) -> None:
    labels = [spec.label for spec in SETTINGS[owner]]
    assert len(set(labels)) == len(labels)
    assert all(len(label) <= 32 for label in labels)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("ridge", 10.5, "Ridge is 10.5; the most allowed is 10."),
        ("ridge", -1.0, "Ridge is -1.0; the least allowed is 0."),
        ("rows", 0, "Rows is 0; the least allowed is 1."),
    ],
)
def test_a_number_out_of_bounds_reaches_python_and_is_said_under_the_field(
    form: AppTest, key: str, value: float, said: str
) -> None:
    assert not form.markdown
    form.number_input(key=f"x.{key}").set_value(value)
    form.run()
    assert said in form.markdown[0].value.replace("\\", "")
    assert form.json[0].value == f'{{"{key}": {value}}}'


def test_a_number_within_bounds_is_left_alone(form: AppTest) -> None:
    form.number_input(key="x.ridge").set_value(10.0)
    assert _changed(form) == '{"ridge": 10.0}'
    assert not form.markdown
