"""Orders rebuilt from public bug reports, each judged by the documents that are right (`../shared/cases`)."""
