"""The API's paths: tables of small handlers, a module per area."""
