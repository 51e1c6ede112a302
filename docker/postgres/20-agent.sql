-- The agent's own login. It may not decide, switch automation, or rewrite the log; `steward migrate` gives its role the
-- rights it needs in our tables, and here it gets those on MLflow's, which only mirror what ours say.
\getenv agent_password AGENT_POSTGRES_PASSWORD
CREATE ROLE steward_agent NOLOGIN;
CREATE ROLE steward_agent_login LOGIN PASSWORD :'agent_password' IN ROLE steward_agent;
\connect mlflow
GRANT USAGE, CREATE ON SCHEMA public TO steward_agent;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO steward_agent;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO steward_agent;
