"""The database alone guards what people's decisions guard: what serves, what was asked, what was signed, and by whom.

The functions look names up in our schema first: a temporary table of an attacker's must not stand in for one of ours.

Revision: 7d3f6b1c9e52, after the outbox
"""

from alembic import op

revision: str = "7d3f6b1c9e52"
down_revision: str | None = "e2c9d41b7a06"
branch_labels = None
depends_on = None

SAFE = "SET search_path = pg_catalog, public, pg_temp"
CHANGING = "'adjust_threshold', 'retrain_model', 'rollback_model'"

# The very digest of database/queries/audit.py, of a value as it is read back: a test compares them.
DIGEST = f"""
CREATE FUNCTION canonical_json(value jsonb) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT {SAFE}
    SET extra_float_digits = 1 AS $$
DECLARE
    said text;
    size double precision;
BEGIN
    CASE jsonb_typeof(value)
    WHEN 'object' THEN
        SELECT '{{' || coalesce(string_agg(to_jsonb(key)::text || ':' || canonical_json(item), ','
               ORDER BY key COLLATE "C"), '') || '}}'
        INTO said FROM jsonb_each(value) AS member(key, item);
    WHEN 'array' THEN
        SELECT '[' || coalesce(string_agg(canonical_json(item), ',' ORDER BY place), '') || ']'
        INTO said FROM jsonb_array_elements(value) WITH ORDINALITY AS member(item, place);
    WHEN 'number' THEN
        said := value::text;
        IF strpos(said, '.') > 0 THEN  -- a float, as Python writes it
            size := said::double precision;
            said := size::text;
            IF abs(size) >= 1e15 AND abs(size) < 1e16 THEN
                said := said::numeric::text;
            END IF;
            IF said !~ '[.e]' THEN
                said := said || '.0';
            END IF;
        END IF;
    ELSE
        said := value::text;
    END CASE;
    RETURN said;
END $$;

CREATE FUNCTION json_digest(value jsonb) RETURNS text LANGUAGE sql IMMUTABLE STRICT
    RETURN encode(sha256(convert_to(canonical_json(value), 'UTF8')), 'hex');
"""

APPROVING = f"""
CREATE FUNCTION approving_people(action agent_actions) RETURNS bigint LANGUAGE sql STABLE {SAFE} AS $$
    SELECT count(DISTINCT a.user_id)
    FROM approvals a JOIN users u ON u.id = a.user_id
    WHERE a.action_id = action.action_id AND a.decision = 'approve' AND a.evidence_digest = action.evidence_digest
      AND a.decided_at < action.expires_at AND action.proposed_by <> 'person:' || u.name
      AND u.disabled_at IS NULL AND 'approver' = ANY(u.roles)
$$;
"""

MOVES = """
CREATE OR REPLACE FUNCTION agent_actions_move() RETURNS trigger LANGUAGE plpgsql /* safe */ AS $$
DECLARE
    approving integer;
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'proposed' THEN
            RAISE EXCEPTION 'action % must begin as proposed, not %', NEW.action_id, NEW.status
                USING ERRCODE = 'check_violation', CONSTRAINT = 'action_begins_proposed';
        END IF;
        RETURN NEW;
    END IF;
    IF NEW.lease_epoch < OLD.lease_epoch THEN
        RAISE EXCEPTION 'action %: lease epoch cannot go back', NEW.action_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'action_epoch_forward';
    END IF;
    IF NEW.status = OLD.status THEN
        RETURN NEW;
    END IF;
    IF NOT EXISTS (SELECT 1 FROM action_arrows WHERE from_status = OLD.status AND to_status = NEW.status) THEN
        RAISE EXCEPTION 'action %: % cannot become %', NEW.action_id, OLD.status, NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'action_arrow';
    END IF;
    IF NEW.version <> OLD.version + 1 THEN
        RAISE EXCEPTION 'action %: a move counts its version up by one', NEW.action_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'action_version_counts';
    END IF;
    -- The last gate: nothing that needs approval is approved or executed without enough people who signed exactly this.
    IF NEW.status IN ('approved', 'executing') AND NEW.requires_approval THEN
        /* count */
        IF approving < NEW.approvers_needed THEN
            RAISE EXCEPTION 'action %: % of % approvals for this evidence', NEW.action_id, approving, NEW.approvers_needed
                USING ERRCODE = 'check_violation', CONSTRAINT = 'action_needs_approval';
        END IF;
    END IF;
    RETURN NEW;
END $$
"""
MOVES_NOW = MOVES.replace("/* safe */", SAFE).replace("/* count */", "approving := approving_people(NEW);")
MOVES_BEFORE = MOVES.replace("/* safe */", "").replace(
    "/* count */",
    """SELECT count(DISTINCT a.user_id) INTO approving
        FROM approvals a JOIN users u ON u.id = a.user_id
        WHERE a.action_id = NEW.action_id AND a.decision = 'approve' AND a.evidence_digest = NEW.evidence_digest
          AND a.decided_at < NEW.expires_at AND NEW.proposed_by <> 'person:' || u.name
          AND u.disabled_at IS NULL AND 'approver' = ANY(u.roles);""",
)

# Which columns a change may touch; every other one, also one that is added later, is frozen.
KEEP = f"""
CREATE FUNCTION agent_actions_keep() RETURNS trigger LANGUAGE plpgsql {SAFE} AS $$
DECLARE
    free text[];
    touched text;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.status = NEW.status THEN
            free := CASE WHEN EXISTS (SELECT 1 FROM action_arrows WHERE from_status = OLD.status) THEN
                ARRAY['lease_owner', 'lease_epoch', 'lease_until', 'attempts', 'crashes', 'run_after', 'updated_at']
                ELSE '{{}}' END;
        ELSE
            free := ARRAY['status', 'version', 'lease_owner', 'lease_epoch', 'lease_until', 'attempts', 'crashes',
                          'run_after', 'updated_at']
                || CASE NEW.status
                   WHEN 'gathering_evidence' THEN
                       ARRAY['from_version_id', 'to_version_id', 'recommended', 'reviewed_by', 'reviewed_at']
                   WHEN 'pending_approval' THEN
                       ARRAY['evidence', 'evidence_digest', 'expires_at', 'to_version_id', 'recommended', 'params',
                             'success_test', 'approvers_needed']
                   WHEN 'approved' THEN ARRAY['reviewed_by', 'reviewed_at']
                   WHEN 'rejected' THEN ARRAY['reviewed_by', 'reviewed_at', 'outcome']
                   WHEN 'verifying' THEN ARRAY['executed_at', 'execution_result']
                   WHEN 'executing' THEN '{{}}'
                   WHEN 'stale' THEN '{{}}'
                   ELSE ARRAY['outcome'] END
                || CASE WHEN OLD.status = 'executing' AND NEW.status = 'succeeded'
                   THEN ARRAY['executed_at', 'execution_result'] ELSE '{{}}' END
                || CASE WHEN OLD.status = 'verifying' THEN ARRAY['verified_at'] ELSE '{{}}' END;
        END IF;
        SELECT before.key INTO touched
        FROM jsonb_each(to_jsonb(OLD) - free) AS before
        JOIN jsonb_each(to_jsonb(NEW) - free) AS after USING (key)
        WHERE before.value <> after.value ORDER BY before.key LIMIT 1;
        IF touched IS NOT NULL THEN
            RAISE EXCEPTION 'action %: % does not change from % to %', OLD.action_id, touched, OLD.status, NEW.status
                USING ERRCODE = 'check_violation', CONSTRAINT = 'action_frozen';
        END IF;
        IF NEW.approvers_needed < OLD.approvers_needed THEN
            RAISE EXCEPTION 'action %: it is asked again of as many people or more', OLD.action_id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'action_frozen';
        END IF;
        IF NEW.dry_run AND NEW.status IN ('approved', 'executing') THEN
            RAISE EXCEPTION 'action %: a dry run is only recorded', NEW.action_id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'action_dry_run';
        END IF;
        IF NEW.evidence IS NOT DISTINCT FROM OLD.evidence AND NEW.evidence_digest IS NOT DISTINCT FROM OLD.evidence_digest
        THEN
            RETURN NEW;
        END IF;
    END IF;
    IF NEW.evidence_digest IS DISTINCT FROM json_digest(NEW.evidence) THEN
        RAISE EXCEPTION 'action %: the digest is not that of the evidence', NEW.action_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'action_digest';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER agent_actions_keep BEFORE INSERT OR UPDATE ON agent_actions
    FOR EACH ROW EXECUTE FUNCTION agent_actions_keep();
"""

DECISIONS = f"""
CREATE FUNCTION approvals_valid() RETURNS trigger LANGUAGE plpgsql {SAFE} AS $$
DECLARE
    action agent_actions;
    person users;
    why text;
BEGIN
    SELECT * INTO action FROM agent_actions WHERE action_id = NEW.action_id FOR UPDATE;
    SELECT * INTO person FROM users WHERE id = NEW.user_id FOR SHARE;
    NEW.decided_at := clock_timestamp();
    why := CASE
        WHEN action.action_id IS NULL THEN 'there is no such action'
        WHEN person.id IS NULL THEN 'there is no such person'
        WHEN person.disabled_at IS NOT NULL THEN person.name || ' is disabled'
        WHEN 'approver' <> ALL(person.roles) THEN person.name || ' is no approver'
        WHEN action.proposed_by = 'person:' || person.name THEN person.name || ' asked for it'
        WHEN action.status <> 'pending_approval' THEN 'it is ' || action.status || ', not waiting for a decision'
        WHEN action.evidence_digest IS DISTINCT FROM NEW.evidence_digest THEN 'other evidence was seen'
        WHEN action.expires_at IS NULL OR NEW.decided_at >= action.expires_at THEN 'its time ran out'
        END;
    IF why IS NOT NULL THEN
        RAISE EXCEPTION 'no decision on action %: %', NEW.action_id, why
            USING ERRCODE = 'check_violation', CONSTRAINT = 'decision_valid';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER approvals_valid BEFORE INSERT ON approvals FOR EACH ROW EXECUTE FUNCTION approvals_valid();
"""

DEPLOYMENTS = f"""
CREATE FUNCTION deployment_objection(new_row deployments, newest deployments) RETURNS text LANGUAGE plpgsql {SAFE} AS $$
DECLARE
    action agent_actions;
    artifact text;
BEGIN
    SELECT * INTO action FROM agent_actions WHERE action_id = new_row.action_id FOR NO KEY UPDATE;
    SELECT artifact_digest INTO artifact FROM model_versions WHERE id = new_row.version_id;
    RETURN CASE
        WHEN action.action_id IS NULL THEN 'there is no such action'
        WHEN action.model_name <> new_row.model_name THEN 'the action is about another model'
        WHEN action.action_type NOT IN ({CHANGING}) OR action.dry_run THEN 'the action changes nothing that serves'
        WHEN (SELECT state FROM automation FOR SHARE) IS DISTINCT FROM 'running' THEN 'automation is not running'
        -- Taken back: what the action itself put in place, while that is being watched.
        WHEN action.status = 'verifying' THEN CASE
            WHEN newest.action_id IS DISTINCT FROM action.action_id THEN 'another change came after this action''s'
            WHEN newest.version_id IS DISTINCT FROM action.to_version_id
              OR new_row.version_id IS DISTINCT FROM action.from_version_id THEN 'not the version that served before'
            END
        WHEN action.status <> 'executing' THEN 'the action is ' || action.status
        WHEN EXISTS (SELECT 1 FROM deployments WHERE action_id = action.action_id) THEN 'the action took effect before'
        WHEN action.evidence_digest IS DISTINCT FROM json_digest(action.evidence) THEN 'the evidence is not what was signed'
        WHEN action.to_version_id IS DISTINCT FROM new_row.version_id
          OR action.evidence #>> '{{challenger,version_id}}' IS DISTINCT FROM new_row.version_id::text
          OR action.evidence #>> '{{challenger,artifact_digest}}' IS DISTINCT FROM artifact
            THEN 'the version is not the one that was approved'
        WHEN action.from_version_id IS DISTINCT FROM newest.version_id THEN 'another version serves than was decided on'
        WHEN action.expires_at IS NULL OR clock_timestamp() >= action.expires_at THEN 'the approval ran out'
        WHEN approving_people(action) < greatest(action.approvers_needed, 1) THEN 'not enough people approved it'
        END;
END $$;

CREATE FUNCTION deployments_valid() RETURNS trigger LANGUAGE plpgsql {SAFE} AS $$
DECLARE
    newest deployments;
    why text;
BEGIN
    SELECT * INTO newest FROM deployments WHERE model_name = NEW.model_name ORDER BY generation DESC LIMIT 1;
    NEW.created_at := now();
    why := CASE
        WHEN NEW.generation <> coalesce(newest.generation, 0) + 1
            THEN 'it does not follow generation ' || coalesce(newest.generation, 0)
        WHEN NEW.previous_version_id IS DISTINCT FROM newest.version_id THEN 'another version served before'
        WHEN NOT EXISTS (SELECT 1 FROM model_versions
                         WHERE id = NEW.version_id AND model_name = NEW.model_name AND is_active)
            THEN 'the version is not the model''s active one'
        WHEN NEW.action_id IS NOT NULL THEN deployment_objection(NEW, newest)
        WHEN NOT pg_has_role(current_user, (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'MEMBER')
            THEN current_user || ' changes what serves by an approved action only'
        WHEN newest.id IS NOT NULL AND NEW.actor NOT LIKE 'person:_%'
            THEN 'only a first version or a person''s command needs no action'
        END;
    IF why IS NOT NULL THEN
        RAISE EXCEPTION 'deployment % of %: %', NEW.generation, NEW.model_name, why
            USING ERRCODE = 'check_violation', CONSTRAINT = 'deployment_decided';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER deployments_valid BEFORE INSERT ON deployments FOR EACH ROW EXECUTE FUNCTION deployments_valid();
"""

VERSIONS = f"""
CREATE FUNCTION model_versions_keep() RETURNS trigger LANGUAGE plpgsql {SAFE} AS $$
DECLARE
    free CONSTANT text[] := ARRAY['status', 'is_active', 'mlflow_run_id', 'mlflow_version'];
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.is_active THEN
            RAISE EXCEPTION 'version % of %: a version is registered before it serves', NEW.version, NEW.model_name
                USING ERRCODE = 'check_violation', CONSTRAINT = 'version_registered_first';
        END IF;
    ELSIF to_jsonb(OLD) - free <> to_jsonb(NEW) - free THEN
        RAISE EXCEPTION 'version % of %: only its status and MLflow''s names change', OLD.version, OLD.model_name
            USING ERRCODE = 'check_violation', CONSTRAINT = 'version_frozen';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER model_versions_keep BEFORE INSERT OR UPDATE ON model_versions
    FOR EACH ROW EXECUTE FUNCTION model_versions_keep();

CREATE FUNCTION model_versions_deployed() RETURNS trigger LANGUAGE plpgsql {SAFE} AS $$
DECLARE
    active bigint;
    deployed bigint;
BEGIN
    SELECT id INTO active FROM model_versions WHERE model_name = NEW.model_name AND is_active;
    SELECT version_id INTO deployed FROM deployments WHERE model_name = NEW.model_name ORDER BY generation DESC LIMIT 1;
    IF active IS DISTINCT FROM deployed THEN
        RAISE EXCEPTION '%: the active version is not what the newest deployment says', NEW.model_name
            USING ERRCODE = 'check_violation', CONSTRAINT = 'version_deployed';
    END IF;
    RETURN NULL;
END $$;

-- At the end of the transaction, in which the deployment comes after the change of activity.
CREATE CONSTRAINT TRIGGER model_versions_deployed AFTER UPDATE ON model_versions
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.is_active <> NEW.is_active)
    EXECUTE FUNCTION model_versions_deployed();
"""

ONCE = "uq_deployments_action"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '1s'")
    for statements in (DIGEST, APPROVING, MOVES_NOW, KEEP, DECISIONS, DEPLOYMENTS, VERSIONS):
        op.execute(statements)
    op.create_index(
        ONCE, "deployments", ["action_id", "version_id"], unique=True, postgresql_where="action_id IS NOT NULL"
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '1s'")
    op.drop_index(ONCE, "deployments")
    for trigger, table in (
        ("model_versions_deployed", "model_versions"),
        ("model_versions_keep", "model_versions"),
        ("deployments_valid", "deployments"),
        ("approvals_valid", "approvals"),
        ("agent_actions_keep", "agent_actions"),
    ):
        op.execute(f"DROP TRIGGER {trigger} ON {table}")
        op.execute(f"DROP FUNCTION {trigger}()")
    op.execute(MOVES_BEFORE)
    op.execute("DROP FUNCTION deployment_objection(deployments, deployments)")
    op.execute("DROP FUNCTION approving_people(agent_actions)")
    op.execute("DROP FUNCTION json_digest(jsonb)")
    op.execute("DROP FUNCTION canonical_json(jsonb)")
