"""Tools for maintainers, which are not shipped: training, evaluation, benchmarks, stress tests, releases."""
