"""How forms look: Django's own, with our templates, and each widget in its class."""

from typing import Any

from django import forms
from django.forms.boundfield import BoundField
from django.forms.renderers import TemplatesSetting

_KEYBOARDS = {
    forms.DecimalField: "decimal",  # before IntegerField, of which it is a kind
    forms.IntegerField: "numeric",
    forms.EmailField: "email",
    forms.URLField: "url",
}
_TICKS = (forms.CheckboxInput, forms.CheckboxSelectMultiple, forms.RadioSelect)


class Field(BoundField):
    """A field that knows its class, its keyboard, and whether it is wrong."""

    @property
    def is_tick(self) -> bool:
        """A single box to tick, which stands before its label."""
        return isinstance(self.field.widget, forms.CheckboxInput)

    def build_widget_attrs(self, attrs: dict[str, Any], widget: forms.Widget | None = None) -> dict[str, Any]:
        shown = widget or self.field.widget
        built = super().build_widget_attrs(attrs, widget)
        given = built.get("class") or shown.attrs.get("class", "")
        wrong = " is-invalid" if self.errors else ""
        built["class"] = f"{_class_of(shown)}{wrong} {given}".strip()
        keyboard = next((name for kind, name in _KEYBOARDS.items() if isinstance(self.field, kind)), "")
        if keyboard and "inputmode" not in shown.attrs and not isinstance(shown, forms.Select):
            built["inputmode"] = keyboard
        return built


class Renderer(TemplatesSetting):
    """`{{ form }}` and `{{ form.amount.as_field_group }}` in our markup."""

    form_template_name = "ui/form.html"
    field_template_name = "ui/field.html"
    bound_field_class = Field


def _class_of(widget: forms.Widget) -> str:
    if isinstance(widget, _TICKS):
        return "form-check-input"
    return "form-select" if isinstance(widget, forms.Select) else "form-control"
