-- MLflow keeps its tables in a database of its own: both have an alembic_version table.
CREATE DATABASE mlflow;
