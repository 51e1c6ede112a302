-- The agent's own login. It may not decide, switch automation, or rewrite the log; `steward migrate` gives its role the
-- rights it needs in our tables. MLflow it reaches through MLflow's server.
\set agent_password `cat "$AGENT_POSTGRES_PASSWORD_FILE"`
CREATE ROLE steward_agent NOLOGIN;
CREATE ROLE steward_agent_login LOGIN PASSWORD :'agent_password' IN ROLE steward_agent;
GRANT CONNECT ON DATABASE steward TO steward_agent;
