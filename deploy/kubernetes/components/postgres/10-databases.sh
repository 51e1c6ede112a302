#!/bin/sh
# MLflow's database, and the agent's own login. The role's rights in our tables come with `steward migrate`.
set -eu
AGENT_POSTGRES_PASSWORD="$(cat /run/secrets/steward/postgres/agent-password)"
export AGENT_POSTGRES_PASSWORD
psql --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --set ON_ERROR_STOP=1 <<'SQL'
CREATE DATABASE mlflow;
\getenv agent_password AGENT_POSTGRES_PASSWORD
CREATE ROLE steward_agent NOLOGIN;
CREATE ROLE steward_agent_login LOGIN PASSWORD :'agent_password' IN ROLE steward_agent;
\connect mlflow
GRANT USAGE, CREATE ON SCHEMA public TO steward_agent;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO steward_agent;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO steward_agent;
SQL
