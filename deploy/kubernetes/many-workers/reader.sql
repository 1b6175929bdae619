-- The role with which KEDA counts: it reads four columns of one table, no URL and no result.
-- psql -v password=... -f reader.sql
CREATE ROLE retail_pulse_reader LOGIN PASSWORD :'password' CONNECTION LIMIT 5;
ALTER ROLE retail_pulse_reader SET default_transaction_read_only = on;
ALTER ROLE retail_pulse_reader SET statement_timeout = '3s';
GRANT SELECT (state, run_after, held, waits_for) ON jobs_imageresult TO retail_pulse_reader;
