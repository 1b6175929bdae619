"""The database itself keeps final image results final, whoever writes to it."""

from django.db import migrations

# The one door is a person's retry: failed -> pending with the next generation.
GUARD = """
CREATE FUNCTION jobs_imageresult_stays_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state = 'failed' AND NEW.state = 'pending' AND NEW.generation = OLD.generation + 1 THEN
        RETURN NEW;
    END IF;
    IF (NEW.state, NEW.generation, NEW.width, NEW.height, NEW.perimeter, NEW.format, NEW.bytes, NEW.gpu_result,
        NEW.error_code, NEW.error_message, NEW.finished_at)
       IS DISTINCT FROM
       (OLD.state, OLD.generation, OLD.width, OLD.height, OLD.perimeter, OLD.format, OLD.bytes, OLD.gpu_result,
        OLD.error_code, OLD.error_message, OLD.finished_at)
    THEN
        RAISE EXCEPTION 'image % is final (%): only a retry may reopen it, and only after a failure', OLD.id, OLD.state
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER jobs_imageresult_stays_final BEFORE UPDATE ON jobs_imageresult
    FOR EACH ROW WHEN (OLD.state IN ('completed', 'failed')) EXECUTE FUNCTION jobs_imageresult_stays_final();
"""
NO_GUARD = """
DROP TRIGGER jobs_imageresult_stays_final ON jobs_imageresult;
DROP FUNCTION jobs_imageresult_stays_final();
"""


class Migration(migrations.Migration):
    dependencies = [("jobs", "0001_jobs_visits_images_workers")]
    operations = [migrations.RunSQL(GUARD, NO_GUARD)]
