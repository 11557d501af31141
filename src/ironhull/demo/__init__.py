"""The case study: one application from three Dockerfiles, built, run, attacked, side by side."""
