"""Which tiles the home page shows: outstanding work by role."""

from collections.abc import Callable

from reports.home.tiles import (
    Tile,
    answered_queries,
    cases,
    contacts,
    decisions_to_make_again,
    deviations,
    drafts,
    ending_roles,
    event_drafts,
    events_to_sign,
    forms_to_sign,
    forms_to_verify,
    in_follow_up,
    infusions_due,
    missing_at_bedside,
    open_queries,
    overdue_samples,
    overdue_visits,
    people,
    product_answers,
    product_deviations,
    product_questions,
    reconsents,
    samples_to_destroy,
    screenings,
    serious_reports,
    to_prepare,
    unrecorded_preparations,
    unsealed,
    unverified_people,
)
from reports.home.workload import Workload

TILES: dict[str, tuple[Callable[[Workload], Tile], ...]] = {
    "coordinator": (
        serious_reports,
        overdue_visits,
        drafts,
        open_queries,
        infusions_due,
        missing_at_bedside,
        reconsents,
        contacts,
        overdue_samples,
        samples_to_destroy,
    ),
    "investigator": (
        serious_reports,
        decisions_to_make_again,
        screenings,
        infusions_due,
        missing_at_bedside,
        events_to_sign,
        forms_to_sign,
        reconsents,
        deviations,
    ),
    "cell_laboratory": (
        to_prepare,
        unrecorded_preparations,
        product_deviations,
        product_questions,
        infusions_due,
        in_follow_up,
    ),
    "monitor": (serious_reports, forms_to_verify, answered_queries, open_queries, overdue_visits),
    "data_manager": (answered_queries, open_queries, drafts, overdue_visits),
    "statistician": (in_follow_up, drafts, open_queries, serious_reports),
    "principal_investigator": (
        serious_reports,
        decisions_to_make_again,
        screenings,
        infusions_due,
        missing_at_bedside,
        events_to_sign,
        forms_to_sign,
        reconsents,
        deviations,
    ),
    "pharmacist": (
        to_prepare,
        unrecorded_preparations,
        product_deviations,
        product_questions,
        infusions_due,
        in_follow_up,
    ),
    "unblinded_monitor": (
        unrecorded_preparations,
        product_answers,
        infusions_due,
        in_follow_up,
        serious_reports,
    ),
    "blinded_statistician": (in_follow_up, drafts, open_queries, serious_reports),
    "sponsor_representative": (serious_reports, open_queries, overdue_visits, in_follow_up),
    "sponsor_safety": (cases, serious_reports, answered_queries, open_queries, in_follow_up),
    "data_monitoring_board": (serious_reports, infusions_due, in_follow_up),
    "administrator": (unverified_people, ending_roles, people, in_follow_up, unsealed),
    "inspector": (serious_reports, open_queries, overdue_visits, drafts, people),
}


# Tiles that are shown only while there is something behind them: seven do not fit into one row.
IF_ANY = frozenset(
    {
        deviations,
        product_deviations,
        product_questions,
        product_answers,
        decisions_to_make_again,
        event_drafts,
        missing_at_bedside,
        overdue_samples,
        samples_to_destroy,
    }
)


def tiles(work: Workload) -> list[Tile]:
    """Return the tiles of the reader's role. Drafts of events stand first, for whoever sees the reports due."""
    own = TILES[work.access.role.code]
    drafted = (event_drafts,) if serious_reports in own else ()
    made = [(tile, tile(work)) for tile in (*drafted, *own)]
    return [shown for tile, shown in made if shown.count or tile not in IF_ANY]
