"""Measure CSV files: 100,000 events by the export and by `values_list` alone, and a million item values."""

import csv
import io
import os
import resource
import time

os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"


def main() -> None:
    """Print the seconds of each file and the peak memory of this process."""
    import django

    django.setup()
    from exports.tables.cells import csv_chunks
    from exports.tables.forms import form_tables
    from exports.tables.long_texts import LongTexts
    from exports.tables.study import study_tables
    from safety.models import AdverseEvent
    from trials.models import Trial

    trial = Trial.objects.select_related("protocol").get(slug="bulk")
    table = next(each for each in study_tables(trial, sees_treatment=False) if each.name == "adverse_events")
    count = [0]
    begun = time.perf_counter()
    size = sum(len(chunk) for chunk in csv_chunks(table.header, table.rows(), count, LongTexts()))
    print(
        f"{count[0]:,} events as CSV by the export: {time.perf_counter() - begun:.2f} s, {size / 1e6:.1f} MB"
    )
    begun = time.perf_counter()
    names = [field.name for field in AdverseEvent._meta.concrete_fields][:12]
    writer = csv.writer(io.StringIO())
    writer.writerows(AdverseEvent.objects.values_list(*names).iterator(chunk_size=2000))
    print(f"the same rows by values_list, 12 columns: {time.perf_counter() - begun:.2f} s")
    begun = time.perf_counter()
    form = next(iter(form_tables(trial)))
    size = sum(len(chunk) for chunk in csv_chunks(form.header, form.rows(), count, LongTexts()))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{count[0] * 30:,} item values as CSV: {time.perf_counter() - begun:.1f} s, peak {peak:.0f} MB")


if __name__ == "__main__":
    main()
