"""What all writing for people has in common: harmless text, tables, Markdown, pages, JSON, words.

A room that finds something writes its reports itself, in its own folder `reports`: scan's formats
know a scan, compare's a comparison. Here is what those formats share, and it knows neither. So the
imports go one way: `scan.reports` → `scan` → … → `reports`.

Each report is one value turned into one text (`interface.Format`). What comes from an image, a
registry or a feed is a stranger's: it passes through `text` before a person sees it, in every
format by the same rule.
"""
