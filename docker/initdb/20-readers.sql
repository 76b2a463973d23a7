-- Who may read the gallery: the roles of `imgsim db bi-user`, and the user that .env names.
-- Schema bi does not exist yet. `imgsim db upgrade` makes it, and lets in whom this script lets in.
-- Runs once, when the database is created; safe to run again:
--   docker compose exec db psql -U imgsim -d imgsim -f /docker-entrypoint-initdb.d/20-readers.sql
\set ON_ERROR_STOP on
\set bi_user ''
\getenv bi_user IMGSIM_BI_USER
\getenv bi_password IMGSIM_BI_PASSWORD

-- Nobody but the administrator has business in the server's other databases.
REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC;

SELECT format('CREATE ROLE %I NOLOGIN', name)
FROM (VALUES ('imgsim_reader'), ('imgsim_analyst')) groups (name)
WHERE to_regrole(name) IS NULL
\gexec
COMMENT ON ROLE imgsim_reader IS 'May read the views in schema bi of imgsim galleries';
COMMENT ON ROLE imgsim_analyst IS 'May read imgsim galleries whole, and call their functions';
GRANT imgsim_reader TO imgsim_analyst;
GRANT CONNECT ON DATABASE :"DBNAME" TO imgsim_reader;
REVOKE TEMPORARY ON DATABASE :"DBNAME" FROM PUBLIC;

SELECT :'bi_user' <> '' AS wanted,
    count(*) = 0 AS absent,
    coalesce(bool_and(shobj_description(oid, 'pg_authid') = 'BI user of imgsim'), false) AS ours
FROM pg_roles WHERE rolname = :'bi_user'
\gset
\if :wanted
    \if :absent
        CREATE ROLE :"bi_user" LOGIN;
        COMMENT ON ROLE :"bi_user" IS 'BI user of imgsim';
        GRANT imgsim_reader TO :"bi_user";
    \elif :ours
    \else
        DO 'BEGIN RAISE ''IMGSIM_BI_USER names a role that is something else already''; END';
    \endif
    ALTER ROLE :"bi_user" PASSWORD :'bi_password';
    ALTER ROLE :"bi_user" IN DATABASE :"DBNAME" SET search_path = bi;
    ALTER ROLE :"bi_user" IN DATABASE :"DBNAME" SET default_transaction_read_only = on;
    ALTER ROLE :"bi_user" IN DATABASE :"DBNAME" SET statement_timeout = '10min';
\endif

-- Tables and functions without `imgsim.` before them, for psql.
ALTER DATABASE :"DBNAME" SET search_path = imgsim, public;
