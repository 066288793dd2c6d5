"""Pages of own questions: the list, a new or changed one, its answers, and queries raised from them."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import BadRequest, ValidationError
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.sessions.kept_forms import sent_or_kept
from patients.queries.bulk import AT_ONCE
from patients.views.bulk import AskedInBulk, ask_page, ticked_rows
from protocol.document.items import Form
from protocol.expressions.compiled import EvaluationFailed
from reports.models import QuestionRow
from reports.own_questions.answer_cache import EvaluatedRecords, answers_to
from reports.own_questions.forms import QuestionForm, offered_names
from reports.own_questions.keeping import (
    already_asked,
    change_question,
    mark_of,
    raise_from_question,
    retire_question,
    save_question,
)
from reports.own_questions.listing import listing_of
from reports.own_questions.tasks import evaluate_question
from reports.own_questions.visible import ReadQuestion, form_of, offered_questions, question_of
from trials.access import TrialRequest, trial_page
from trials.permissions import Permission as P
from trials.reader import reader_language, shown_moment, shown_number

SECONDS = 2.0
"""How long a page evaluates patients that were not evaluated yet; the next one goes on."""


@trial_page(see=P.SEE_TRIAL)
def questions(request: TrialRequest) -> HttpResponse:
    """List the questions that the reader is offered, and begin a new one."""
    language = reader_language()
    forms = [(code, form.title.in_language(language)) for code, form in request.trial.rules.forms.items()]
    titles = dict(forms)
    rows = [
        (row, titles.get(row.form, row.form), row.owner_id == request.user.pk)
        for row in offered_questions(request.access)
    ]
    return render(request, "reports/own_questions.html", {"rows": rows, "forms": forms})


@trial_page(see=P.SEE_TRIAL, change=P.SEE_TRIAL)
def new(request: TrialRequest) -> HttpResponse:
    """Save a question on the form that the address names; `?like=data-3` begins with a question that is there."""
    code = request.GET.get("form", "")
    asked_form = form_of(request.trial, code)
    if asked_form is None:
        if code:
            raise BadRequest(
                _("The protocol in force has no such form. Choose one on the list of own questions.")
            )
        return redirect("reports:own-questions", request.trial.slug)
    form = QuestionForm(
        sent_or_kept(request),
        access=request.access,
        asked_form=asked_form,
        initial=_initial(_like(request), asked_form),
    )
    if request.method == "POST" and form.is_valid():
        given = {"trial": request.trial, "facts": form.facts_of_question, "by": request.user}
        if form.run(save_question, **given):
            return _saved(request, form.result)
    return _form_page(request, form, asked_form)


def _like(request: TrialRequest) -> QuestionRow | None:
    log, _dash, number = request.GET.get("like", "").partition("-")
    try:
        return question_of(request, log, _whole(number))
    except Http404:
        return None


def _whole(text: str) -> int:
    """Return a number that the page sent, 0 for anything else: no question has this key or version."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def _initial(row: QuestionRow | None, asked_form: Form) -> dict[str, Any]:
    if row is None or row.form != asked_form.code:
        return {}
    return {
        name: getattr(row, name) for name in ("name", "condition", "columns", "item", "shared", "on_home")
    }


@trial_page(see=P.SEE_TRIAL, change=P.SEE_TRIAL)
def change(request: TrialRequest, log: str, number: int) -> HttpResponse:
    """Change a question of the reader; one of a colleague begins a new question like it."""
    row = question_of(request, log, number)
    asked_form = form_of(request.trial, row.form)
    if asked_form is None:
        return redirect("reports:own-question", request.trial.slug, log, number)
    if request.method != "POST" and row.owner_id != request.user.pk:
        address = reverse("reports:own-question-new", args=[request.trial.slug])
        return redirect(f"{address}?form={row.form}&like={log}-{number}")
    form = QuestionForm(
        sent_or_kept(request),
        access=request.access,
        asked_form=asked_form,
        initial=_initial(row, asked_form),
    )
    if request.method == "POST" and form.is_valid():
        seen = request.POST.get("version", "")
        given = {"question": row, "facts": form.facts_of_question, "by": request.user}
        if form.run(change_question, seen=_whole(seen), **given):
            return _saved(request, form.result)
    return _form_page(request, form, asked_form, row)


def _saved(request: TrialRequest, row: QuestionRow) -> HttpResponse:
    evaluate_question.enqueue(row.log, row.pk)
    messages.success(request, _("Saved: question “%(name)s”.") % {"name": row.name})
    return redirect("reports:own-question", request.trial.slug, row.log, row.pk)


def _form_page(
    request: TrialRequest, form: QuestionForm, asked_form: Form, row: QuestionRow | None = None
) -> HttpResponse:
    context = {
        "form": form,
        "row": row,
        "form_title": asked_form.title.in_language(reader_language()),
        "names": offered_names(request.access, asked_form),
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "reports/own_question_form.html", context, status=status)


@trial_page(see=P.SEE_TRIAL)
def answers(request: TrialRequest, log: str, number: int) -> HttpResponseBase:
    """List the records that answer a question, as page, CSV or XLSX."""
    question = ReadQuestion(question_of(request, log, number), request.trial)
    whole = request.GET.get("format") in ("csv", "xlsx")
    try:
        found = _answers(question, None if whole else SECONDS)
    except EvaluationFailed:
        found = None
    context = {
        "question": question,
        "row": question.row,
        "mine": question.row.owner_id == request.user.pk,
        "form_title": question.form.title.in_language(reader_language())
        if question.form
        else question.row.form,
        "answers": found,
    }
    if found is None:
        return render(request, "reports/own_question.html", context, status=200)
    context |= {
        "at": shown_moment(found.at, request.trial.zone),
        "undecided": found.undecided,
        "undecided_words": shown_number(str(found.undecided)),
    }
    return listing_of(request, question, found).response("reports/own_question.html", context)


def _answers(question: ReadQuestion, seconds: float | None) -> EvaluatedRecords | None:
    """Return the answers; None if the protocol in force has the form or a name of the condition no more."""
    if question.asked is None:
        return None
    return answers_to(question.asked, question.trial, seconds=seconds)


@trial_page(see=None, change=P.SEE_TRIAL)
def retire(request: TrialRequest, log: str, number: int) -> HttpResponse:
    """Offer a question of the reader no longer."""
    row = question_of(request, log, number)
    try:
        retire_question(question=row, by=request.user)
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
        return redirect("reports:own-question", request.trial.slug, log, number)
    messages.success(request, _("The question “%(name)s” is no longer offered.") % {"name": row.name})
    return redirect("reports:own-questions", request.trial.slug)


@trial_page(see=P.RAISE_QUERY, change=P.RAISE_QUERY)
def ask(request: TrialRequest, log: str, number: int) -> HttpResponse:
    """Raise queries on records that answer a question: those ticked, or all of the list."""
    question = ReadQuestion(question_of(request, log, number), request.trial)
    back = reverse("reports:own-question", args=[request.trial.slug, log, number])
    if question.restricted or question.asked is None:
        raise Http404
    try:
        found = answers_to(question.asked, question.trial)
    except EvaluationFailed:
        # The page of the question says that it cannot be computed.
        return redirect(back)
    true = set(found.keys())
    if request.method == "POST" or "all" not in request.GET:
        ticked, too_many = ticked_rows(request), False
    else:
        keys = listing_of(request, question, found).passing
        asked = already_asked(question.row, keys)
        keys = [key for key in keys if key not in asked]
        ticked, too_many = [(key, "") for key in keys[:AT_ONCE]], len(keys) > AT_ONCE
    chosen = [(key, item or question.row.item) for key, item in ticked]
    left_out = {key: _("The condition is not true any more.") for key, _item in chosen if key not in true}
    asked = already_asked(question.row, [key for key, _item in chosen])
    left_out |= {key: _("A query of this question is open already.") for key in asked}
    raising = AskedInBulk(
        verb=raise_from_question,
        arguments={"question": question},
        mark=mark_of(question.row),
        left_out=left_out,
    )
    return ask_page(request, chosen, back=back, too_many=too_many, asked=raising)
