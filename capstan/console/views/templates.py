"""The texts of messages: ours and the provider's own, with a live preview (J2)."""

from typing import NamedTuple

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_POST

from capstan.catalog.models import Brand
from capstan.console.forms.list_entry import languages
from capstan.console.forms.text import TextForm
from capstan.console.people import names_of
from capstan.console.text_shown import preview_of
from capstan.console.views.messages import tabs
from capstan.identity.rules import Permission
from capstan.messaging.actions.texts import edit_text, use_default, use_variant
from capstan.messaging.models import TemplateEdit
from capstan.messaging.queries.texts import edited, edits_of, text_in_force
from capstan.messaging.rules.templates import ENGLISH, Template, default_text
from capstan.messaging.rules.texts.catalogue import TEMPLATES
from capstan.messaging.rules.words import Medium
from capstan.ui.access import StaffRequest, forbidden, staff_required
from capstan.ui.parts import badge
from capstan.ui.states import Tone
from capstan.ui.tables import Column, Empty, Place, Row, Table
from capstan.values import clock
from capstan.values.refused import Refused

_MEDIA = {Medium.SMS: "SMS", Medium.EMAIL: "E-mail"}
_EVERY_BRAND = 0
"""No brand has this id: what is in force for it is what is in force for all that have no text of their own."""


class Which(NamedTuple):
    """The text that is looked at: of which template, by which medium, in which language, for which brand or for all."""

    template: Template
    medium: Medium
    language: str
    brand: Brand | None

    @property
    def url(self) -> str:
        query = {"language": self.language, **({"brand": str(self.brand.pk)} if self.brand else {})}
        return f"{reverse('console:template', args=[self.template.code, self.medium])}?{urlencode(query)}"


@require_GET
@staff_required()
def show(request: StaffRequest) -> HttpResponse:
    """All texts, and which of them are the provider's own."""
    own = {(code, medium) for code, medium, _, _ in edited()}
    rows = tuple(
        _row(one, medium, is_own=(one.code, medium.value) in own)
        for one in TEMPLATES.values()
        for medium in one.media
    )
    columns = (
        Column("What it says", Place.LEAD), Column("By", Place.AMOUNT), Column("Code", Place.NOTE), Column("Words", Place.STATE),
    )  # fmt: skip
    table = Table("Texts of messages", columns, rows, Empty("No texts", "There are none."))
    return render(
        request, "console/templates/list.html", {"table": table, "own": len(own), "tabs": tabs("templates")}
    )


@staff_required()
def edit(request: StaffRequest, code: str, medium: str) -> HttpResponse:
    """One text: its editor, or the words alone for who may not edit them."""
    which = _which(request, code, medium)
    if request.method != "POST":
        return _page(request, which, None)
    if not request.actor.may(Permission.EDIT_TEMPLATES):
        return forbidden(request, f"Your sign-in doesn't let you {Permission.EDIT_TEMPLATES.value}.")
    form = TextForm(request.POST, medium=which.medium)
    if request.POST.get("do") == "preview" or (request.POST.get("do") == "keep" and not form.is_valid()):
        return _page(request, which, form)
    try:
        words = _do(request, which, form)
    except Refused as refusal:
        form.add_error("body", str(refusal))
        return _page(request, which, form)
    messages.success(request, words)
    return redirect(which.url)


@require_POST
@staff_required()
def preview(request: StaffRequest, code: str, medium: str) -> HttpResponse:
    """The preview of what is being typed; nothing is kept."""
    which = _which(request, code, medium)
    text = TextForm(request.POST, medium=which.medium).text()
    shown = preview_of(code, which.medium, text, now=clock.now())
    return render(request, "console/templates/preview.html", {"preview": shown, "medium": which.medium})


def _do(request: StaffRequest, which: Which, form: TextForm) -> str:
    now, actor = clock.now(), request.actor.key
    brand_id = which.brand.pk if which.brand else None
    code, medium, language = which.template.code, which.medium, which.language
    do = request.POST.get("do", "")
    if do == "default":
        use_default(code=code, medium=medium, language=language, brand_id=brand_id, actor=actor, now=now)
        return "The default is back. The next message has it."
    if do.startswith("variant:"):
        many = use_variant(code=code, variant=do.partition(":")[2], brand_id=brand_id, actor=actor, now=now)
        return f"The variant is in use in {many} languages. The next message has it."
    edit_text(
        code=code, medium=medium, language=language, brand_id=brand_id, text=form.text(), actor=actor, now=now
    )
    return "Kept. The next message has these words; what was sent stays as it was."


def _which(request: HttpRequest, code: str, medium: str) -> Which:
    """What the address names, or a 404 that says what there isn't."""
    one = TEMPLATES.get(code)
    if one is None or medium not in {known.value for known in one.media}:
        raise Http404(f"There is no text {code} for {medium}.")
    language = request.GET.get("language", ENGLISH)
    if language not in {tag for tag, _ in languages()}:
        raise Http404(f"There are no texts in {language}.")
    brand_id = request.GET.get("brand", "")
    brand = Brand.objects.filter(pk=int(brand_id)).first() if brand_id.isdigit() else None
    return Which(one, Medium(medium), language, brand)


def _page(request: StaffRequest, which: Which, form: TextForm | None) -> HttpResponse:
    code, medium = which.template.code, which.medium
    in_force = text_in_force(
        code, medium, language=which.language, brand_id=which.brand.pk if which.brand else _EVERY_BRAND
    )
    text = in_force.text if form is None else form.text()
    history = edits_of(code, medium)
    names = names_of(edit.actor for edit in history)
    is_own = in_force.edit is not None and in_force.edit.brand_id == (which.brand.pk if which.brand else None)
    return render(
        request,
        "console/templates/edit.html",
        {
            "template": which.template,
            "medium": medium,
            "medium_word": _MEDIA[medium],
            "languages": [
                (words, which._replace(language=tag).url, tag == which.language) for tag, words in languages()
            ],
            "brands": _brands(which),
            "form": form or TextForm(initial={"body": text.body, "title": text.title}, medium=medium),
            "may_edit": request.actor.may(Permission.EDIT_TEMPLATES),
            "text": text,
            "is_own": is_own and in_force.language == which.language,
            "fallback": in_force.language if in_force.language != which.language else "",
            "default": default_text(which.template, medium, which.language),
            "variants": which.template.variants if medium == Medium.SMS else {},
            "preview": preview_of(code, medium, text, now=clock.now()),
            "preview_url": f"{reverse('console:template_preview', args=[code, medium])}?language={which.language}",
            "history": [(edit, names[edit.actor], _about(edit)) for edit in history],
            "must": [" or ".join(f"{{{name}}}" for name in choice) for choice in which.template.must],
            "crumbs": [
                ("Texts", reverse("console:templates")),
                (f"{which.template.purpose}, {_MEDIA[medium]}", None),
            ],
        },
    )


def _brands(which: Which) -> list[tuple[str, str, bool]]:
    """All of them, where there are several: only then has one a text of its own."""
    brands = list(Brand.objects.order_by("name"))
    if len(brands) < 2:
        return []
    every = ("All brands", which._replace(brand=None).url, which.brand is None)
    return [every, *((one.name, which._replace(brand=one).url, one == which.brand) for one in brands)]


def _about(edit: TemplateEdit) -> str:
    words = dict(languages()).get(edit.language, edit.language)
    return words if edit.brand_id is None else f"{words}, brand {edit.brand_id}"


def _row(one: Template, medium: Medium, *, is_own: bool) -> Row:
    look = badge("Your own", Tone.NEWS, "pencil") if is_own else badge("Default", Tone.QUIET)
    url = reverse("console:template", args=[one.code, medium])
    return Row((one.purpose, _MEDIA[medium], one.code, look), url)
