-- MLflow keeps its tables in a database of its own (both have an alembic_version table), and its server enters that one
-- alone: it asks nobody who they are, so it must not hold the way into ours.
\set mlflow_password `cat "$MLFLOW_POSTGRES_PASSWORD_FILE"`
CREATE ROLE steward_mlflow LOGIN PASSWORD :'mlflow_password';
CREATE DATABASE mlflow OWNER steward_mlflow;
REVOKE CONNECT ON DATABASE mlflow, steward FROM PUBLIC;
