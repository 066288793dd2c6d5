# The registered outcomes of both trials in R, from the CSV archive with its reader script, or from SDTM transport files.
#
#     Rscript rebuilt.R csv|sdtm FOLDER liege|msv
#
# Prints a line for each number: outcome and reading, visit, group or arm, number, value, with tabs between them. Base R
# and `foreign`, which comes with it. NA is undetermined; columns are selected and joined, no value is repaired.

given <- commandArgs(trailingOnly = TRUE)
source_kind <- given[1]
folder <- given[2]
trial <- given[3]
ventilated <- c("IMV", "INVASIVE MECHANICAL VENTILATION")
related_codes <- c("POSSIBLE", "PROBABLE", "DEFINITE")

visit_codes <- c(
  SCREENING = "SCR", "INFUSION, DAY 0" = "INF1", "DAY 1" = "D1", "DAY 2" = "D2", "DAY 3" = "D3", "DAY 7" = "D7",
  "DAY 14" = "D14", "DAY 28" = "D28", "DAY 60" = "D60", "DAY 90" = "D90", "DAY 180, END OF FOLLOW-UP" = "D180"
)

blank <- function(x) { x <- as.character(x); x[!is.na(x) & x == ""] <- NA; x }
day <- function(x) as.Date(substr(blank(x), 1, 10))
clock <- function(x) if (inherits(x, "POSIXct")) format(x, "%Y-%m-%dT%H:%M", tz = "UTC") else blank(x)
judged <- function(x) ifelse(is.na(x), NA, toupper(x) %in% related_codes)
expectedness <- function(x) unname(c(EXPECTED = TRUE, UNEXPECTED = FALSE)[toupper(x)])

from_csv <- function() {
  source(file.path(folder, "read_study.R"), local = TRUE)
  study <- read_study(folder)
  form <- function(name) { rows <- study[[paste0("forms/", name)]]; rows[rows$status == "complete", ] }
  patients <- study$patients[!is.na(study$patients$included_on), ]
  arms <- study$allocation
  status <- form("vital_status")
  died <- tapply(as.character(status$died_on), status$patient, function(x) tail(na.omit(x), 1)[1])
  died <- unname(unlist(died)[patients$patient])
  ended <- !is.na(patients$end_reason) & patients$end_reason == "death"
  died[is.na(died) & ended] <- as.character(patients$study_ended_on[is.na(died) & ended])
  subjects <- data.frame(
    id = patients$patient, group = blank(patients$group),
    arm = if (is.null(arms)) NA else toupper(arms$arm[match(patients$patient, arms$patient)]),
    included = as.Date(patients$included_on), died = died
  )
  history <- form("medical_history")
  subjects$diagnosed <- as.Date(history$diagnosed_on[match(subjects$id, history$patient)])
  visits <- study$visits[!is.na(study$visits$held_on), ]
  events <- study$adverse_events[is.na(blank(study$adverse_events$in_error_reason)), ]
  episodes <- form("support_episode")
  support <- form("respiratory_support")
  infusions <- study$infusions[!is.na(study$infusions$started), ]
  values <- function(path) {
    parts <- strsplit(path, ".", fixed = TRUE)[[1]]
    rows <- form(parts[1])
    rows <- rows[rows$visit_number == 1 & !is.na(rows[[parts[2]]]), ]
    data.frame(id = rows$patient, visit = rows$visit, x = as.character(rows[[parts[2]]]))
  }
  list(
    values = values,
    subjects = subjects,
    visits = data.frame(id = visits$patient, visit = visits$visit, on = as.Date(visits$held_on)),
    contacts = data.frame(id = status$patient, on = as.Date(status$last_contact_on)),
    doses = data.frame(id = infusions$patient, at = clock(infusions$started)),
    events = data.frame(
      id = events$patient, onset = clock(events$onset), serious = events$serious, grade = events$grade,
      related = judged(blank(events$causality)), expected = expectedness(events$expectedness),
      aesi = toupper(blank(events$aesi))
    ),
    episodes = data.frame(
      id = episodes$patient, imv = episodes$kind == "IMV", start = clock(episodes$started_at),
      end = clock(episodes$ended_at), ongoing = episodes$ongoing, because = blank(episodes$ended_because)
    ),
    support = data.frame(id = support$patient, visit = support$visit, on = as.Date(support$visit_date), imv = support$support == "IMV")
  )
}

from_sdtm <- function() {
  data_set <- function(name) foreign::read.xport(file.path(folder, "xpt", paste0(name, ".xpt")))
  qualifier <- function(name, rows, wanted) {
    found <- data_set(paste0("supp", name))
    found <- found[found$QNAM == wanted, ]
    key <- if (name == "dm") rows$USUBJID else paste(rows$USUBJID, rows[[paste0(toupper(name), "SEQ")]])
    told <- if (name == "dm") found$USUBJID else paste(found$USUBJID, found$IDVARVAL)
    found$QVAL[match(key, told)]
  }
  dm <- data_set("dm")
  ds <- data_set("ds")
  ds <- ds[ds$DSDECOD %in% c("RANDOMIZED", "ENTERED INTO TRIAL"), ]
  dm <- dm[dm$USUBJID %in% ds$USUBJID, ]
  mh <- data_set("mh")
  mh <- mh[mh$MHTERM == "COVID-19" & mh$MHEVDTYP == "DIAGNOSIS", ]
  subjects <- data.frame(
    id = dm$USUBJID, group = if (trial == "liege") qualifier("dm", dm, "COHORT") else NA, arm = blank(dm$ARMCD),
    included = day(ds$DSSTDTC[match(dm$USUBJID, ds$USUBJID)]), died = blank(dm$DTHDTC),
    diagnosed = day(mh$MHSTDTC[match(dm$USUBJID, mh$USUBJID)])
  )
  sv <- data_set("sv")
  sv <- sv[sv$SVSTDTC != "", ]
  ae <- data_set("ae")
  pr <- data_set("pr")
  pr <- pr[pr$PRCAT == "RESPIRATORY SUPPORT", ]
  re <- data_set("re")
  re <- re[re$RETESTCD == "RESPSUP" & re$RESTRESC != "", ]
  ec <- data_set("ec")
  ec <- ec[ec$ECMOOD == "PERFORMED" & ec$ECOCCUR == "Y", ]
  contacts <- data_set("suppss")
  contacts <- contacts[contacts$QNAM == "LASTCONT", ]
  held <- sv$SVSTDTC[match(paste(re$USUBJID, re$VISITNUM), paste(sv$USUBJID, sv$VISITNUM))]
  forms <- read.csv(file.path(folder, "acrf.csv"), colClasses = "character", encoding = "UTF-8")
  values <- function(path) {
    words <- forms$annotation[paste(forms$form, forms$item, sep = ".") == path][1]
    if (path == "chest_imaging.ct_findings__NORMAL") words <- "FAORRES when FATESTCD = OCCUR and FAOBJ = NORMAL and FACAT = CHEST CT"
    if (path == "chest_imaging.xray_findings__NORMAL") words <- "FAORRES when FATESTCD = OCCUR and FAOBJ = NORMAL and FACAT = CHEST X-RAY"
    domain <- substr(words, 1, 2)
    told <- strsplit(strsplit(sub(".* when ", "", words), " and ")[[1]], " = ")
    told <- setNames(vapply(told, function(x) x[2], ""), vapply(told, function(x) x[1], ""))
    rows <- data_set(tolower(domain))
    for (part in c("TESTCD", "OBJ", "CAT", "METHOD")) {
      name <- paste0(domain, part)
      if (name %in% names(rows)) rows <- rows[rows[[name]] == (if (name %in% names(told)) told[[name]] else ""), ]
    }
    drafts <- file.path(folder, "xpt", paste0("supp", tolower(domain), ".xpt"))
    if (file.exists(drafts)) rows <- rows[is.na(qualifier(tolower(domain), rows, "FORMSTAT")), ]
    number <- rows[[paste0(domain, "STRESN")]]
    text <- blank(rows[[paste0(domain, "STRESC")]])
    found <- data.frame(id = rows$USUBJID, visit = rows$VISIT, x = if (is.null(number)) text else ifelse(is.na(number), text, number))
    found <- found[!is.na(found$x), ]
    found$visit <- unname(visit_codes[found$visit])
    found[!is.na(found$visit), ]
  }
  list(
    values = values,
    subjects = subjects,
    visits = data.frame(id = sv$USUBJID, visit = unname(visit_codes[sv$VISIT]), on = day(sv$SVSTDTC)),
    contacts = data.frame(id = contacts$USUBJID, on = day(contacts$QVAL)),
    doses = data.frame(id = ec$USUBJID, at = ec$ECSTDTC),
    events = data.frame(
      id = ae$USUBJID, onset = ae$AESTDTC, serious = ae$AESER == "Y", grade = as.numeric(ae$AETOXGR),
      related = judged(blank(ae$AEREL)), expected = expectedness(qualifier("ae", ae, "EXPECT")),
      aesi = qualifier("ae", ae, "AESI")
    ),
    episodes = data.frame(
      id = pr$USUBJID, imv = pr$PRTRT %in% ventilated, start = blank(pr$PRSTDTC), end = blank(pr$PRENDTC),
      ongoing = if ("PRENRTPT" %in% names(pr)) pr$PRENRTPT == "ONGOING" else FALSE,
      because = toupper(qualifier("pr", pr, "ENDREAS"))
    ),
    support = data.frame(id = re$USUBJID, visit = re$VISIT, on = day(held), imv = re$RESTRESC %in% ventilated)
  )
}

read <- if (source_kind == "csv") from_csv() else from_sdtm()
subjects <- read$subjects
of <- function(rows, id) rows[rows$id == id, , drop = FALSE]

say <- function(key, visit, part, number, value) {
  cat(paste(key, visit, part, number, format(value, digits = 15), sep = "\t"), "\n", sep = "")
}

# Logic: NA is undetermined, and of nothing it is not known whether one is true.
any_of <- function(x) if (length(x) == 0) NA else any(x)

# Days and hours from a start to a local text, which may name a month alone: the least and the most.
span <- function(text) {
  if (nchar(text) > 10) return(as.POSIXct(rep(text, 2), format = "%Y-%m-%dT%H:%M", tz = zone))
  first <- as.Date(paste0(text, substr("0000-01-01", nchar(text) + 1, 10)))
  last <- switch(as.character(nchar(text)), "10" = first, "7" = seq(first, by = "month", length.out = 2)[2] - 1,
                 "4" = seq(first, by = "year", length.out = 2)[2] - 1)
  as.POSIXct(paste(c(first, last), c("00:00", "23:59")), tz = zone)
}
days <- function(start, text) as.numeric(as.Date(substr(format(span(text), "%Y-%m-%d"), 1, 10)) - start)
hours <- function(start, text) {
  a <- span(start)
  b <- span(text)
  as.numeric(difftime(c(b[1], b[2]), c(a[2], a[1]), units = "hours"))
}
within <- function(x, first, last) {
  if (anyNA(x)) return(NA)
  if (x[2] < first || x[1] > last) FALSE else if (first <= x[1] && x[2] <= last) TRUE else NA
}

died_by <- function(subject, start, last) {
  if (is.na(start)) return(NA)
  if (!is.na(subject$died)) {
    between <- days(start, subject$died)
    return(if (between[2] <= last) TRUE else if (between[1] > last) FALSE else NA)
  }
  contact <- of(read$contacts, subject$id)$on
  if (length(contact) > 0 && max(contact, na.rm = TRUE) - start >= last) FALSE else NA
}

counts <- function(key, people, answers, visit = "", parts = "") {
  for (part in parts) {
    chosen <- if (part == "") rep(TRUE, nrow(people)) else !is.na(people$group) & people$group == part | !is.na(people$arm) & people$arm == part
    x <- answers[chosen]
    say(key, visit, part, "patients", length(x))
    say(key, visit, part, "yes", sum(x, na.rm = TRUE))
    say(key, visit, part, "no", sum(!x, na.rm = TRUE))
    say(key, visit, part, "undetermined", sum(is.na(x)))
  }
}

each <- function(people, judge) vapply(seq_len(nrow(people)), function(i) as.logical(judge(people[i, ])), logical(1))

count_events <- function(key, people, counted, window, start, parts = "") {
  found <- lapply(seq_len(nrow(people)), function(i) {
    subject <- people[i, ]
    events <- of(read$events, subject$id)
    vapply(seq_len(nrow(events)), function(j) {
      within(days(start(subject), events$onset[j]), window[1], window[2]) & counted(subject, events[j, ])
    }, logical(1))
  })
  counts(key, people, vapply(found, any, logical(1)), parts = parts)
  for (part in parts) {
    chosen <- if (part == "") rep(TRUE, nrow(people)) else !is.na(people$group) & people$group == part
    say(key, "", part, "events", sum(unlist(found[chosen]), na.rm = TRUE))
    say(key, "", part, "events_undetermined", sum(is.na(unlist(found[chosen]))))
  }
}

# Deaths in a window; who was observed without one; and those of whom it is not known.
count_deaths <- function(key, people, start, last) {
  counts(key, people, each(people, function(s) {
    if (!is.na(s$died)) {
      between <- days(start(s), s$died)
      return(if (between[1] > last) FALSE else if (between[1] == between[2]) TRUE else NA)
    }
    contact <- of(read$contacts, s$id)$on
    if (length(contact) > 0 && max(contact, na.rm = TRUE) >= start(s)) FALSE else NA
  }))
}

# Calendar days of a window on which a patient was observed, both ends included.
observed <- function(subject, window) {
  seen <- c(of(read$visits, subject$id)$on, of(read$contacts, subject$id)$on)
  end <- if (is.na(subject$died)) max(seen, na.rm = TRUE) - subject$included else days(subject$included, subject$died)[1]
  max(0, min(as.numeric(end), window[2]) - window[1] + 1)
}

at_visit <- function(found, id, visit) found$x[found$id == id & found$visit == visit][1]

count_changes <- function(key, people, item, baseline, at) {
  found <- read$values(item)
  for (visit in at) {
    change <- vapply(people$id, function(id) {
      before <- na.omit(vapply(baseline, function(code) as.numeric(at_visit(found, id, code)), 0))[1]
      as.numeric(at_visit(found, id, visit)) - before
    }, 0)
    say(key, visit, "", "patients", length(change))
    say(key, visit, "", "yes", sum(!is.na(change)))
    say(key, visit, "", "no", 0)
    say(key, visit, "", "undetermined", sum(is.na(change)))
    if (any(!is.na(change))) say(key, visit, "", "mean.value", mean(change, na.rm = TRUE))
  }
}

# Patients with a sign at a visit in the window; death before it, and the last answered visit, are without.
count_first <- function(key, people, at, sign, last) {
  counts(key, people, each(people, function(s) {
    answered <- FALSE
    for (visit in at) {
      on <- read$visits$on[read$visits$id == s$id & read$visits$visit %in% visit][1]
      found <- sign(s$id, visit)
      if (is.na(on) || is.na(found)) next
      if (found && on - dose_day(s) <= last) return(TRUE)
      answered <- TRUE
    }
    between <- if (is.na(s$died)) c(last + 1, last + 1) else days(dose_day(s), s$died)
    if (between[1] <= last && last < between[2]) NA else if (answered || between[2] <= last) FALSE else NA
  }))
}

included <- function(subject) subject$included
dose <- function(subject) of(read$doses, subject$id)$at[1]
dose_day <- function(subject) day(dose(subject))
infused <- subjects[subjects$id %in% read$doses$id, ]

reactions <- list(
  ar = function(s, e) e$related,
  ar_above_3 = function(s, e) e$related & e$grade > 3,
  ar_3 = function(s, e) e$related & e$grade >= 3,
  sae = function(s, e) e$serious,
  sar = function(s, e) e$serious & e$related,
  sesar = function(s, e) e$serious & e$related & e$expected,
  susar = function(s, e) e$serious & e$related & !e$expected
)

liege <- function() {
  groups <- c("", "A", "B")
  special <- function(s, e) startsWith(e$aesi, "INFECTION") | e$aesi == "THROMBOEMBOLIC"
  for (code in c("patients", "events", "rate")) count_events(paste("L-P1", code), subjects, special, c(0, 28), included, groups)
  for (part in groups) {
    people <- if (part == "") subjects else subjects[!is.na(subjects$group) & subjects$group == part, ]
    patient_days <- vapply(seq_len(nrow(people)), function(i) observed(people[i, ], c(0, 28)), 0)
    say("L-P1 rate", "", part, "patient_days", sum(patient_days))
  }
  for (kind in c("INFECTION_BACTERIAL", "INFECTION_VIRAL", "INFECTION_FUNGAL", "INFECTION_PARASITIC", "THROMBOEMBOLIC")) {
    key <- paste("L-P1", tolower(sub("INFECTION_", "", kind)))
    count_events(key, subjects, function(s, e) e$aesi == kind, c(0, 28), included)
  }
  in_group <- function(code) subjects[!is.na(subjects$group) & subjects$group == code, ]
  deaths <- function(s) died_by(s, s$included, 28)
  counts("L-P2 died", in_group("B"), each(in_group("B"), deaths))
  count_deaths("L-P2 survival", in_group("B"), included, 28)
  counts("L-P3 dead", in_group("A"), each(in_group("A"), deaths))
  counts("L-P3 ventilated_or_dead", in_group("A"), each(in_group("A"), function(s) {
    support <- of(read$support, s$id)
    episodes <- of(read$episodes, s$id)
    apart <- as.numeric(support$on - s$included)
    seen <- any_of(support$imv & apart >= 0 & apart <= 28)
    logged <- any_of(vapply(seq_len(nrow(episodes)), function(j) {
      episodes$imv[j] & within(days(s$included, episodes$start[j]), 0, 28)
    }, logical(1)))
    any(c(deaths(s), seen, logged))
  }))
  soon <- function(s, e) any_of(vapply(of(read$doses, s$id)$at, function(at) within(hours(at, e$onset), 0, 24), logical(1)))
  related_soon <- function(s, e) e$related & soon(s, e)
  count_events("L-P4 patients", infused, related_soon, c(0, 90), included, groups)
  count_events("L-P4 events", infused, related_soon, c(0, 90), included)
  count_events("L-P4 any_cause", infused, soon, c(0, 90), included)
  for (code in names(reactions)) count_events(paste("L-S1", code), subjects, reactions[[code]], c(0, 90), included, groups)
}

# Text order is time order on one clock; what one of two texts does not tell is not compared.
ordered <- function(earlier, later) {
  length <- pmin(nchar(earlier), nchar(later))
  substr(earlier, 1, length) <= substr(later, 1, length)
}

msv <- function() {
  arms <- c("", sort(unique(na.omit(subjects$arm))))
  imv <- function(s) { rows <- of(read$episodes, s$id); rows }
  at_dose <- function(s) {
    rows <- imv(s)
    support <- of(read$support, s$id)
    here <- support$imv[support$visit %in% c("INF1", "INFUSION, DAY 0")]
    logged <- any_of(rows$imv & ordered(rows$start, dose(s)) & (rows$ongoing | ordered(dose(s), rows$end)))
    any(c(if (length(here) == 0) NA else here, logged))
  }
  ended <- function(s, last) {
    rows <- imv(s)
    found <- vapply(seq_len(nrow(rows)), function(j) {
      rows$imv[j] & ordered(rows$start[j], dose(s)) & !rows$ongoing[j] & !(rows$because[j] %in% c("DEATH", "DIED")) &
        (if (is.na(rows$end[j])) NA else rows$end[j] > dose(s) & within(days(dose_day(s), rows$end[j]), 0, last))
    }, logical(1))
    any_of(found) & !died_by(s, dose_day(s), last)
  }
  withdrawn <- function(s, last) {
    rows <- imv(s)
    begun <- any_of(rows$imv & ordered(rows$start, dose(s)))
    if (is.na(begun) || !begun) NA else ended(s, last)
  }
  at <- each(infused, at_dose)
  among <- infused[is.na(at) | at, ]
  for (last in c(7, 6)) {
    answers <- each(among, function(s) withdrawn(s, last))
    answers[is.na(at[is.na(at) | at])] <- NA
    counts(paste("M-P1", if (last == 7) "by_day_7" else "before_day_7"), among, answers, parts = arms)
  }
  of_all <- each(subjects, function(s) if (s$id %in% infused$id) at_dose(s) & withdrawn(s, 7) else NA)
  counts("M-P1 of_all", subjects, of_all, "INF1", arms)
  counts("M-P2 from_dose", infused, each(infused, function(s) died_by(s, dose_day(s), 28)), parts = arms)
  counts("M-P2 from_diagnosis", subjects, each(subjects, function(s) died_by(s, s$diagnosed, 28)), parts = arms)
  on_time <- infused[each(infused, function(s) dose_day(s) - s$included >= 0 & dose_day(s) - s$included <= 1), ]
  counts("M-P1 per_protocol", on_time, each(on_time, function(s) at_dose(s) & withdrawn(s, 7)), "INF1", arms)
  member <- each(among, function(s) at_dose(s) & ended(s, 7))
  again <- among[is.na(member) | member, ]
  answers <- each(again, function(s) {
    rows <- imv(s)
    any_of(vapply(seq_len(nrow(rows)), function(j) {
      later <- vapply(seq_len(nrow(rows)), function(k) {
        rows$imv[k] & (if (is.na(rows$end[j]) || is.na(rows$start[k])) NA else
          rows$start[k] > rows$end[j] & within(hours(rows$end[j], rows$start[k]), 0, 48))
      }, logical(1))
      rows$imv[j] & ordered(rows$start[j], dose(s)) & !rows$ongoing[j] & any_of(later)
    }, logical(1)))
  })
  answers[is.na(member[is.na(member) | member])] <- NA
  counts("M-P1 reintubated", again, answers)
  count_deaths("M-P2 survival", infused, dose_day, 28)
  count_signs()
  early <- c("D1", "D2", "D3", "D7")
  late <- c("D7", "D14", "D28", "D90", "D180")
  count_changes("M-S1 pf_change", infused, "blood_gas.pf_ratio", c("INF1", "SCR"), early)
  count_changes("M-S2 score_change", infused, "ct_score.total", "SCR", c("D7", "D28"))
  for (item in c("wbc", "neutrophils", "lymphocytes", "monocytes", "eosinophils", "basophils")) {
    count_changes(paste("M-S3", item), infused, paste0("haematology.", item), c("INF1", "SCR"), late)
  }
  for (item in c("cd3", "cd19", "nk", "cd4_cd8_ratio", "treg_percent")) {
    count_changes(paste("M-S4", item), infused, paste0("lymphocyte_subsets.", item), "INF1", late)
  }
  for (item in c("il10", "il6", "ip10", "tnf_alpha")) {
    count_changes(paste("M-S5", item), infused, paste0("cytokines.", item), "INF1", late)
  }
  for (code in c("ar", "sae", "sar", "sesar", "susar")) {
    count_events(paste("M-S6", code), infused, reactions[[code]], c(0, 180), dose_day)
  }
}

count_signs <- function() {
  temperature <- read$values("vitals.temp")
  dyspnoea <- read$values("vitals.dyspnoea")
  saturation <- read$values("vitals.spo2")
  ratio <- read$values("blood_gas.pf_ratio")
  signs <- list(
    no_fever = function(id, visit) as.numeric(at_visit(temperature, id, visit)) < 37.5,
    no_dyspnoea = function(id, visit) at_visit(dyspnoea, id, visit) %in% c("N", "FALSE") |
      (if (is.na(at_visit(dyspnoea, id, visit))) NA else FALSE),
    saturation = function(id, visit) as.numeric(at_visit(saturation, id, visit)) > 93,
    oxygenation = function(id, visit) as.numeric(at_visit(ratio, id, visit)) > 300
  )
  for (visit in c("D1", "D2", "D3", "D7")) {
    for (code in names(signs)) {
      counts(paste("M-S1", code), infused, each(infused, function(s) signs[[code]](s$id, visit)), visit)
    }
    counts("M-S1 response", infused, each(infused, function(s) all(vapply(signs, function(f) f(s$id, visit), NA))), visit)
  }
  every <- c("D1", "D2", "D3", "D7", "D14", "D28", "D60", "D90", "D180")
  count_first("M-S6 recovery", infused, every, function(id, visit) signs$no_fever(id, visit) & signs$no_dyspnoea(id, visit), 180)
  normal <- lapply(paste0("chest_imaging.", c("ct", "xray"), "_findings__NORMAL"), read$values)
  count_first("M-S6 normal_imaging", infused, c("D7", "D14", "D28", "D90", "D180"), function(id, visit) {
    found <- vapply(normal, function(rows) at_visit(rows, id, visit), "")
    any(ifelse(is.na(found), NA, found %in% c("1", "TRUE", "Y")))
  }, 180)
  change <- read$values("chest_imaging.ct_change")
  counts("M-S2 by_report", infused, each(infused, function(s) {
    x <- at_visit(change, s$id, "D28")
    if (is.na(x)) NA else x %in% c("CLEARED", "BETTER")
  }), "D28")
  score <- read$values("ct_score.total")
  counts("M-S2 by_score", infused, each(infused, function(s) {
    x <- as.numeric(c(at_visit(score, s$id, "SCR"), at_visit(score, s$id, "D28")))
    class <- findInterval(x, c(7, 17), left.open = TRUE)
    x[2] <= 0.75 * x[1] | class[2] < class[1]
  }), "D28")
}

zone <- if (trial == "liege") "Europe/Brussels" else "Europe/Madrid"
if (trial == "liege") liege() else msv()
