# Read an export of a study: every table as a data frame, with its types, labels and codes.
#
# Unpack the archive; this script lies in it. In R:
#
#     source("read_study.R")
#     study <- read_study(".")                       # the folder of the archive
#     vitals <- study[["forms/vitals"]]
#     attr(vitals$heart_rate, "label")               # label of a column
#     attr(vitals$status, "codes")                   # label of each code of a column
#
# All formats give the same: whole numbers and decimals are numeric, days are Date, moments POSIXct (instants in UTC;
# local ones as the clock at the site showed, also marked as UTC), yes and no logical, all else character with codes as
# they are stored. A value that its column's type does not hold exactly stands as text in `<column>__exact`. Long texts
# are read from their files.
#
# CSV needs nothing but R; xpt, xpt-v5, sav and dta need the package haven; parquet needs arrow; xlsx needs readxl.

read_study <- function(folder = ".") {
  manifest <- paste(readLines(file.path(folder, "manifest.json"), encoding = "UTF-8", warn = FALSE), collapse = "\n")
  format <- sub('.*"format": "([^"]*)".*', "\\1", manifest)
  archive <- list(folder = folder, format = format, suffix = sub("-v5$", "", format))
  if (format == "xlsx") {
    archive$variables <- .text_frame(readxl::read_excel(file.path(folder, "study.xlsx"), "variables", col_types = "text"))
  } else if (format != "csv") {
    archive$variables <- .csv(file.path(folder, "variables.csv"))
  }
  codes <- .stored(archive, "codes")
  columns <- .stored(archive, "columns")
  columns[] <- lapply(columns, function(values) .texts(archive, values))
  codes[] <- lapply(codes, function(values) .texts(archive, values))
  codes$number <- as.integer(codes$number)
  tables <- unique(columns$table)
  study <- lapply(tables, function(name) {
    .frame(archive, name, columns[columns$table == name, ], codes[codes$table == name, ])
  })
  names(study) <- tables
  study
}

.csv <- function(path) {
  read.csv(path, colClasses = "character", na.strings = "", check.names = FALSE, encoding = "UTF-8",
           fileEncoding = "", stringsAsFactors = FALSE, strip.white = FALSE)
}

.text_frame <- function(frame) as.data.frame(lapply(frame, as.character), check.names = FALSE)

# A table as its file has it, with the names of its columns.
.stored <- function(archive, name) {
  path <- file.path(archive$folder, paste0(name, ".", archive$suffix))
  if (archive$format == "csv") return(.csv(path))
  own <- archive$variables[archive$variables$table == name & archive$variables$holds %in% c("value", "exact"), ]
  frame <- switch(archive$suffix,
    xpt = haven::read_xpt(path),
    sav = haven::read_sav(path),
    dta = haven::read_dta(path),
    parquet = arrow::read_parquet(path, as_data_frame = TRUE),
    xlsx = .sheets(archive, name)
  )
  frame <- as.data.frame(frame)[own$variable]
  names(frame) <- ifelse(own$holds == "exact", paste0(own$column, "__exact"), own$column)
  frame[] <- lapply(frame, function(values) {
    if (is.character(values)) {
      attributes(values) <- NULL
      values[values == ""] <- NA
    }
    values
  })
  frame
}

# The sheets of a table, one below the other.
.sheets <- function(archive, name) {
  path <- file.path(archive$folder, "study.xlsx")
  titles <- readxl::excel_sheets(path)
  heads <- titles[!grepl(" \\([0-9]+\\)$", titles)]
  head <- heads[match(name, unique(archive$variables$table))]
  parts <- titles[titles == head | startsWith(titles, paste0(head, " ("))]
  do.call(rbind, lapply(parts, function(title) {
    readxl::read_excel(path, title, guess_max = 1048576, na = "", trim_ws = FALSE)
  }))
}

.frame <- function(archive, name, columns, codes) {
  stored <- .stored(archive, name)
  made <- list()
  for (place in seq_len(nrow(columns))) {
    own <- columns$column[place]
    kind <- columns$kind[place]
    list <- codes[codes$column == own & codes$language == "en", ]
    values <- .texts(archive, .decoded(stored[[own]], list))
    if (archive$format == "csv" && columns$is_typed_text[place] == "Y") {
      # It guards a spreadsheet against a formula, and is no part of the text.
      values <- sub("^'", "", values)
    }
    typed <- .typed(values, kind)
    exact <- .exact(values, typed, kind)
    beside <- stored[[paste0(own, "__exact")]]
    if (!is.null(beside)) {
      beside <- .texts(archive, as.character(beside))
      exact <- ifelse(is.na(beside), exact, beside)
    }
    attr(typed, "label") <- columns$label[place]
    if (nrow(list) > 0) attr(typed, "codes") <- setNames(list$label, list$code)
    made[[own]] <- typed
    if (any(!is.na(exact))) made[[paste0(own, "__exact")]] <- exact
  }
  as.data.frame(made, check.names = FALSE, stringsAsFactors = FALSE)
}

# Codes for the numbers that stand for them in SAV and DTA. A value outside the code list is its own label.
.decoded <- function(values, list) {
  labels <- attr(values, "labels")
  if (!is.numeric(values) || is.null(labels) || nrow(list) == 0) {
    if (inherits(values, "haven_labelled")) attributes(values) <- NULL
    return(values)
  }
  number <- as.numeric(unclass(values))
  code <- list$code[match(number, list$number)]
  other <- names(labels)[match(number, as.numeric(labels))]
  ifelse(is.na(number), NA, ifelse(is.na(code), other, code))
}

.texts <- function(archive, values) {
  if (!is.character(values)) return(values)
  long <- which(startsWith(values, "texts/"))
  for (place in long) {
    path <- file.path(archive$folder, values[place])
    if (file.exists(path)) {
      text <- readChar(path, file.size(path), useBytes = TRUE)
      Encoding(text) <- "UTF-8"
      values[place] <- text
    }
  }
  values
}

.number <- "^-?(0|[1-9][0-9]*)([.][0-9]+)?$"
.day <- "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
.moment <- "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}"

.typed <- function(values, kind) {
  if (kind %in% c("integer", "decimal")) {
    if (is.character(values)) values <- ifelse(grepl(.number, values), values, NA)
    return(as.numeric(values))
  }
  if (kind == "date") {
    if (!is.character(values)) return(as.Date(values))
    return(as.Date(ifelse(grepl(.day, values), values, NA), format = "%Y-%m-%d"))
  }
  if (kind %in% c("instant", "local")) {
    if (!is.character(values)) return(as.POSIXct(values, tz = "UTC"))
    ends_with_z <- kind == "instant"
    # as.character: of no row, ifelse gives logical values.
    plain <- as.character(ifelse(is.na(values), "", values))
    is_moment <- grepl(.moment, values) & endsWith(plain, "Z") == ends_with_z
    text <- sub("Z$", "", as.character(ifelse(is_moment, values, NA)))
    text <- ifelse(nchar(text) == 16, paste0(text, ":00"), text)
    return(as.POSIXct(text, format = "%Y-%m-%dT%H:%M:%OS", tz = "UTC"))
  }
  if (kind == "flag") {
    if (is.logical(values)) return(values)
    return(ifelse(values %in% c("Y", "N"), values == "Y", NA))
  }
  as.character(values)
}

# The exact text of each value that its type does not hold: what is no number, day or moment, or has too many digits.
.exact <- function(values, typed, kind) {
  none <- rep(NA_character_, length(values))
  if (!is.character(values) || kind %in% c("text", "partial")) return(none)
  lost <- !is.na(values) & is.na(typed)
  if (kind %in% c("integer", "decimal")) {
    digits <- nchar(sub("^0+", "", gsub("[^0-9]", "", values)))
    lost <- lost | (!is.na(values) & digits > 15 & sprintf("%.17g", typed) != values)
  }
  ifelse(lost, values, none)
}
