-- The database in which Metabase keeps its own things, and its user. Safe to run again.
\set ON_ERROR_STOP on
\set password ''
\getenv password IMGSIM_METABASE_PASSWORD
SELECT :'password' = '' AS missing
\gset
\if :missing
    DO 'BEGIN RAISE ''Set IMGSIM_METABASE_PASSWORD in .env for profile bi''; END';
\endif

SELECT 'CREATE ROLE metabase LOGIN' WHERE to_regrole('metabase') IS NULL
\gexec
ALTER ROLE metabase PASSWORD :'password';
SELECT 'CREATE DATABASE metabase OWNER metabase'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'metabase')
\gexec
REVOKE CONNECT, TEMPORARY ON DATABASE metabase FROM PUBLIC;
