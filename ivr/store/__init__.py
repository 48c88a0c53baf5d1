"""The database: engine, tables, migrations. SQLite by default, PostgreSQL with the same code."""
