# Compute the outcomes of the study from the analysis data sets, and compare each number with Stroma's.
#
# Unpack the archive and run `Rscript outcomes.R` in its folder, or `Rscript outcomes.R FOLDER`. It needs no package.
# It prints a line for each number, "agrees" or "differs", and ends with status 1 if one differs.

level <- 0.95
tail_share <- (1 - level) / 2
z <- qnorm(1 - tail_share)
none <- c(NA_real_, NA_real_, NA_real_)

read <- function(...) {
  read.csv(file.path(...), colClasses = "character", na.strings = "", encoding = "UTF-8", quote = "\"")
}

chosen <- function(rows, visit, split, part) {
  here <- if (is.na(visit)) rows else rows[!is.na(rows$AVISIT) & rows$AVISIT == visit, ]
  if (is.na(split)) return(here)
  column <- if (split == "group") here$COHORT else here$ARMCD
  here[!is.na(column) & column == part, ]
}

# Counts: patients with the answer yes (or a number, or the event), and with the answer no.
yes_no <- function(rows) {
  known <- rows[!is.na(rows$AVAL), ]
  if ("CNSR" %in% names(rows)) return(c(sum(known$CNSR == "0"), sum(known$CNSR != "0")))
  if (nrow(known) > 0 && all(is.na(known$AVALC))) return(c(nrow(known), 0))
  c(sum(known$AVALC == "Y"), sum(known$AVALC == "N"))
}

total <- function(column) sum(as.numeric(column), na.rm = TRUE)

# A table of times has no events to count.
counted <- function(name, rows) {
  of_events <- function(variable) if (variable %in% names(rows)) total(rows[[variable]]) else 0
  switch(name,
    patients = nrow(rows),
    undetermined = sum(!is.na(rows$UNDFL)),
    yes = yes_no(rows)[1],
    no = yes_no(rows)[2],
    events = of_events("NEVENT"),
    events_undetermined = of_events("NEVENTU"),
    patient_days = of_events("PTDAYS")
  )
}

clopper_pearson <- function(yes, of) {
  if (of == 0) return(none)
  low <- if (yes == 0) 0 else qbeta(tail_share, yes, of - yes + 1)
  high <- if (yes == of) 1 else qbeta(1 - tail_share, yes + 1, of - yes)
  c(yes / of, low, high)
}

wilson <- function(yes, of) {
  if (of == 0) return(none)
  limits <- suppressWarnings(prop.test(yes, of, conf.level = level, correct = FALSE))$conf.int
  c(yes / of, if (yes == 0) 0 else limits[1], if (yes == of) 1 else limits[2])
}

rate <- function(rows) {
  timed <- rows[!is.na(rows$PTDAYS), ]
  days <- total(timed$PTDAYS)
  if (days == 0) return(none)
  events <- total(timed$NEVENT)
  limits <- poisson.test(events, days, conf.level = level)$conf.int
  100 * c(events / days, limits)
}

values <- function(rows) as.numeric(rows$AVAL[!is.na(rows$AVAL)])

mean_of <- function(x) {
  if (length(x) == 0) return(none)
  if (length(x) == 1) return(c(x, NA, NA))
  half <- qt(1 - tail_share, length(x) - 1) * sd(x) / sqrt(length(x))
  c(mean(x), mean(x) - half, mean(x) + half)
}

median_of <- function(x) {
  if (length(x) == 0) return(none)
  unname(quantile(x, c(0.5, 0.25, 0.75), type = 2))
}

# Times to an event.

log_log <- function(share, relative_variance) {
  if (share <= 1e-12 || share >= 1 - 1e-12) return(c(NA, NA))
  half <- z * sqrt(relative_variance) / abs(log(share))
  c(share^exp(half), share^exp(-half))
}

steps_of <- function(rows) {
  rows <- rows[!is.na(rows$AVAL), ]
  time <- as.numeric(rows$AVAL)
  days <- sort(unique(time))
  n <- sapply(days, function(day) sum(time >= day))
  d <- sapply(days, function(day) sum(time == day & rows$CNSR == "0"))
  ended <- sapply(days, function(day) sum(time == day & rows$CNSR != "1"))
  if (length(days) == 0) return(data.frame())
  free <- cumprod(1 - ended / n)
  before <- c(1, free[-length(free)])
  hazard <- cumsum(ifelse(ended < n, ended / (n * (n - ended)), 0))
  limits <- t(mapply(log_log, free, hazard))
  data.frame(day = days, n, d, ended, free, before, incidence = cumsum(before * d / n), low = limits[, 1], high = limits[, 2])
}

observed_to <- function(steps, day) {
  nrow(steps) > 0 && (day <= max(steps$day) || steps$free[nrow(steps)] < 1e-12)
}

share <- function(steps, day) {
  if (!observed_to(steps, day)) return(none)
  reached <- steps[steps$day <= day, ]
  if (nrow(reached) == 0) return(c(1, NA, NA))
  last <- reached[nrow(reached), ]
  c(last$free, last$low, last$high)
}

# Cumulative incidence with competing events; its variance is that of Marubini and Valsecchi (1995).
incidence <- function(steps, day) {
  if (!observed_to(steps, day)) return(none)
  reached <- steps[steps$day <= day, ]
  if (nrow(reached) == 0) return(c(0, NA, NA))
  now <- reached$incidence[nrow(reached)]
  if (now > 1 - 1e-12) return(c(1, NA, NA))
  later <- now - reached$incidence
  variance <- with(reached, sum(
    ifelse(later > 1e-12, later^2 * ended / (n * pmax(n - ended, 1)), 0) +
      before^2 * (n - d) * d / n^3 - 2 * later * before * d / n^2
  ))
  limits <- log_log(1 - now, variance / (1 - now)^2)
  c(now, 1 - limits[2], 1 - limits[1])
}

# Where the curve is exactly one half, the median is the middle of that stretch.
crossed <- function(day, curve) {
  below <- which(!is.na(curve) & curve <= 0.5 + 1e-9)
  if (length(below) == 0) return(NA)
  first <- below[1]
  following <- below[curve[below] < curve[first] - 1e-9]
  if (abs(curve[first] - 0.5) < 1e-9 && length(following) > 0) return((day[first] + day[following[1]]) / 2)
  day[first]
}

median_time <- function(steps) {
  if (nrow(steps) == 0) return(none)
  c(crossed(steps$day, steps$free), crossed(steps$day, steps$low), crossed(steps$day, steps$high))
}

# Comparisons of the parts of a line.

newcombe <- function(first, second) {
  one <- wilson(first[1], sum(first))
  other <- wilson(second[1], sum(second))
  if (anyNA(c(one, other))) return(none)
  apart <- one[1] - other[1]
  c(apart, apart - sqrt((one[1] - one[2])^2 + (other[3] - other[1])^2),
    apart + sqrt((one[3] - one[1])^2 + (other[1] - other[2])^2))
}

fisher <- function(tables) {
  known <- tables[sapply(tables, sum) > 0]
  if (length(known) < 2) return(NA)
  fisher.test(do.call(rbind, known), workspace = 2e7)$p.value
}

welch <- function(first, second) {
  spread <- function(x) if (length(x) < 2) NA else var(x)
  if (is.na(spread(first)) || is.na(spread(second)) || spread(first) + spread(second) == 0) {
    return(list(p = NA, limits = none))
  }
  found <- t.test(first, second, conf.level = level)
  list(p = found$p.value, limits = c(mean(first) - mean(second), found$conf.int))
}

mantel_haenszel <- function(rows, parts, corrected) {
  strata <- factor(ifelse(is.na(rows$STRATUM), "", rows$STRATUM))
  known <- !is.na(rows$AVAL) & rows$ARMCD %in% parts
  answers <- table(
    factor(rows$ARMCD, parts)[known], factor(rows$AVALC, c("Y", "N"))[known], strata[known]
  )
  answers <- answers[, , apply(answers, 3, sum) > 1, drop = FALSE]
  found <- tryCatch(mantelhaen.test(answers, correct = corrected, conf.level = level), error = function(e) NULL)
  if (is.null(found)) return(list(p = NA, limits = none))
  limits <- c(found$estimate, found$conf.int)
  list(p = found$p.value, limits = if (all(is.finite(limits)) && limits[1] > 0) limits else none)
}

# Each number by its name.

place <- function(name) c(value = 1, low = 2, high = 3)[[sub(".*\\.", "", name)]]

compared <- function(name, rows, column, parts) {
  groups <- lapply(parts, function(part) rows[!is.na(rows[[column]]) & rows[[column]] == part, ])
  if (startsWith(name, "fisher")) {
    tables <- lapply(groups, yes_no)
    if (name == "fisher.p") return(fisher(tables))
    return(newcombe(tables[[1]], tables[[2]])[place(name)])
  }
  found <- if (startsWith(name, "welch")) {
    welch(values(groups[[1]]), values(groups[[2]]))
  } else {
    mantel_haenszel(rows, parts, grepl("corrected", name))
  }
  if (grepl("\\.p$", name)) found$p else found$limits[place(name)]
}

figure <- function(name, rows, window_end) {
  if (name == "mean.spread") return(if (length(values(rows)) < 2) NA else sd(values(rows)))
  answers <- if ("AVALC" %in% names(rows)) yes_no(rows) else c(0, 0)
  switch(sub("\\..*", "", name),
    clopper_pearson = clopper_pearson(answers[1], sum(answers)),
    wilson = wilson(answers[1], sum(answers)),
    rate = rate(rows),
    mean = mean_of(values(rows)),
    median = median_of(values(rows)),
    share = share(steps_of(rows), window_end),
    incidence = incidence(steps_of(rows), window_end),
    median_time = median_time(steps_of(rows))
  )[place(name)]
}

computed <- function(told, answers, times) {
  rows <- if (told$paramcd %in% times$PARAMCD) times else answers
  rows <- rows[rows$PARAMCD == told$paramcd, ]
  parts <- strsplit(told$part, "|", fixed = TRUE)[[1]]
  if (!is.na(told$part) && length(parts) > 1) {
    column <- if (told$split == "group") "COHORT" else "ARMCD"
    return(compared(told$number, chosen(rows, told$visit, NA, NA), column, parts))
  }
  here <- chosen(rows, told$visit, told$split, told$part)
  if (grepl(".", told$number, fixed = TRUE)) figure(told$number, here, as.numeric(told$window_end)) else counted(told$number, here)
}

agree <- function(found, expected) {
  if (is.na(found) || is.na(expected)) return(is.na(found) && is.na(expected))
  abs(found - expected) <= 1e-9 + 1e-6 * abs(expected)
}

given <- commandArgs(trailingOnly = TRUE)
folder <- if (length(given) > 0) given[1] else "."
answers <- read(folder, "csv", "adout.csv")
times <- read(folder, "csv", "adtte.csv")
expected <- read(folder, "expected.csv")
differing <- 0
for (row in seq_len(nrow(expected))) {
  told <- expected[row, ]
  found <- as.numeric(computed(told, answers, times))
  same <- agree(found, as.numeric(told$expected))
  differing <- differing + !same
  words <- unlist(told[c("outcome", "reading", "visit", "split", "part", "number")])
  words[is.na(words)] <- "-"
  cat(if (same) "agrees " else "differs", words, format(found, digits = 12), told$expected, "\n")
}
cat(nrow(expected), "numbers,", differing, "differ\n")
quit(status = if (differing > 0) 1 else 0)
