"""Filters and columns of a listing under a name, offered to all who open it, in the rows of the trail's views."""

from django.db import transaction
from django.http import QueryDict
from django.utils import timezone

from accounts.models import User
from audit.models import SavedView
from trials.models import Trial

# What an address holds beside filters, columns and order: the place in the pages, the format of a file.
LEFT_OUT = ("after", "before", "format")


def saved_views(trial: Trial, listing: str) -> list[SavedView]:
    """Return the views of a listing that are in use, by name. One query."""
    return list(SavedView.objects.filter(trial_id=trial.pk, listing=listing, retired_at=None))


def query_of(parameters: QueryDict) -> str:
    """Return the part of an address that a view keeps, without empty parameters."""
    kept = QueryDict(mutable=True)
    for name, values in parameters.lists():
        if name not in LEFT_OUT and any(values):
            kept.setlist(name, [value for value in values if value])
    return kept.urlencode()


@transaction.atomic
def save_listing_view(*, trial: Trial, listing: str, name: str, query: str, by: User) -> SavedView:
    """Store filters and columns of a listing under a name. Raises ValidationError if the name is taken."""
    view = SavedView(
        trial_id=trial.pk,
        listing=listing,
        name=name.strip(),
        query=query,
        made_by=by.pk,
        made_by_name=by.full_name,
        made_at=timezone.now(),
    )
    view.validate_constraints()
    view.save()
    return view


@transaction.atomic
def retire_view(*, view: SavedView) -> None:
    """Offer a view no longer. It stays stored, and so do the reviews of one of the trail."""
    kept = SavedView.objects.select_for_update().get(pk=view.pk)
    if kept.retired_at is None:
        kept.retired_at, kept.version = timezone.now(), kept.version + 1
        kept.every_days = kept.sample = kept.person_id = kept.starts_on = None
        kept.person_name = ""
        kept.save()
