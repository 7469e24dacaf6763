-- What others have added to the tables in use, and how it is made for the tables that take their
-- place. All names in the statements that come back are quoted by the server, and none is looked for
-- in a text.

-- select_indexes --
-- The indexes that the tables of one schema (`here`) have and those of another (`there`) have not, or
-- not by the same words; without ours. Of each: its table, its name, what makes it there, what drops it here.
-- One that is not valid (CREATE INDEX CONCURRENTLY that failed, or is not done) is of no use to anybody,
-- and one of a column that is not there goes with the column.
WITH found AS (
    SELECT n.nspname AS schema, t.relname AS "table", i.relname AS name,
           k.contype IS NOT NULL AS is_constraint,
           CASE WHEN x.indisunique THEN 'UNIQUE ' ELSE '' END AS kind,
           -- How a definition begins is known to the letter; what follows names no table.
           CASE WHEN k.oid IS NOT NULL THEN pg_get_constraintdef(k.oid)
                ELSE substr(
                    pg_get_indexdef(i.oid),
                    length(format('CREATE %%sINDEX %%I ON %%I.%%I ',
                                  CASE WHEN x.indisunique THEN 'UNIQUE ' ELSE '' END,
                                  i.relname, n.nspname, t.relname)) + 1)
           END AS rest
      FROM pg_index x
      JOIN pg_class i ON i.oid = x.indexrelid
      JOIN pg_class t ON t.oid = x.indrelid AND t.relkind = 'r'
      JOIN pg_namespace n ON n.oid = t.relnamespace
      LEFT JOIN pg_constraint k ON k.conindid = i.oid AND k.conrelid = t.oid AND k.contype IN ('u', 'x')
     WHERE n.nspname IN (%(here)s, %(there)s) AND t.relname = ANY (%(tables)s)
       AND i.relname <> ALL (%(ours)s)
       AND x.indisvalid AND NOT x.indisprimary
       AND NOT EXISTS (
           SELECT FROM pg_depend d
             JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
            WHERE (d.classid, d.objid) IN (('pg_class'::regclass, i.oid), ('pg_constraint'::regclass, k.oid))
              AND d.refclassid = 'pg_class'::regclass AND d.refobjid = t.oid
              AND a.attname NOT IN (
                  SELECT b.attname FROM pg_attribute b
                    JOIN pg_class o ON o.oid = b.attrelid AND o.relname = t.relname AND o.relkind = 'r'
                    JOIN pg_namespace m ON m.oid = o.relnamespace AND m.nspname = %(there)s
                   WHERE NOT b.attisdropped))
)
SELECT f."table", f.name,
       CASE WHEN f.is_constraint
            THEN format('ALTER TABLE %%I.%%I ADD CONSTRAINT %%I %%s', %(there)s::text, f."table", f.name, f.rest)
            ELSE format('CREATE %%sINDEX %%I ON %%I.%%I %%s', f.kind, f.name, %(there)s::text, f."table", f.rest)
       END,
       CASE WHEN f.is_constraint
            THEN format('ALTER TABLE %%I.%%I DROP CONSTRAINT %%I', f.schema, f."table", f.name)
            ELSE format('DROP INDEX %%I.%%I', f.schema, f.name)
       END
  FROM found f
 WHERE f.schema = %(here)s
   AND NOT EXISTS (
       SELECT FROM found o
        WHERE o.schema = %(there)s AND o."table" = f."table" AND o.name = f.name
          AND o.is_constraint = f.is_constraint AND o.kind = f.kind AND o.rest = f.rest)
 ORDER BY f."table", f.name;

-- select_publications --
-- Which publications name a table of the schema. (One for all tables, or for a schema, names none.)
SELECT format('the publication %%I has the table %%I.%%I', p.pubname, n.nspname, c.relname)
  FROM pg_publication_rel r
  JOIN pg_publication p ON p.oid = r.prpubid
  JOIN pg_class c ON c.oid = r.prrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = %(live)s AND c.relname = ANY (%(tables)s)
 ORDER BY 1;

-- select_belongings --
-- What else the tables in use have and the new ones have not: what it is, and the statement that makes
-- it, to be run when the new tables have taken the place and the names of the old ones.
WITH tables AS (
    SELECT t.oid, t.relname, t.relrowsecurity, t.relforcerowsecurity, t.relreplident,
           format('%%I.%%I', n.nspname, t.relname) AS name, m.oid AS made
      FROM pg_class t
      JOIN pg_namespace n ON n.oid = t.relnamespace
      JOIN pg_class m ON m.relname = t.relname AND m.relkind = 'r'
      JOIN pg_namespace k ON k.oid = m.relnamespace
     WHERE n.nspname = %(live)s AND k.nspname = %(made)s
       AND t.relname = ANY (%(tables)s) AND t.relkind = 'r'
),
columns AS (
    SELECT t.name AS "table", a.attname AS name, a.attstattarget,
           col_description(t.oid, a.attnum) AS comment, col_description(t.made, b.attnum) AS has
      FROM tables t
      JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
      JOIN pg_attribute b ON b.attrelid = t.made AND b.attname = a.attname AND NOT b.attisdropped
),
settings AS (
    SELECT t.name AS "table", o.option_name AS name, o.option_value AS value
      FROM tables t
      JOIN pg_class c ON c.oid = t.oid
      JOIN pg_class m ON m.oid = t.made
     CROSS JOIN LATERAL pg_options_to_table(c.reloptions) o
     WHERE o.option_name NOT IN (SELECT s.option_name FROM pg_options_to_table(m.reloptions) s)
),
policies AS (
    SELECT t.name AS "table", p.polname AS name,
           CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END AS how,
           CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'
                         WHEN 'd' THEN 'DELETE' ELSE 'ALL' END AS what,
           (SELECT string_agg(CASE WHEN r.oid = 0 THEN 'PUBLIC'
                                   ELSE quote_ident(pg_get_userbyid(r.oid)) END, ', ')
              FROM unnest(p.polroles) AS r (oid)) AS roles,
           coalesce(' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')', '')
               || coalesce(' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')', '') AS rest
      FROM tables t
      JOIN pg_policy p ON p.polrelid = t.oid
)
SELECT what, statement
  FROM (
    SELECT 1 AS step, format('the policy %%I of %%s', name, "table") AS what,
           format('CREATE POLICY %%I ON %%s AS %%s FOR %%s TO %%s', name, "table", how, policies.what, roles)
               || rest AS statement
      FROM policies
    UNION ALL
    SELECT 2, format('the row security of %%s', name), format('ALTER TABLE %%s ENABLE ROW LEVEL SECURITY', name)
      FROM tables WHERE relrowsecurity
    UNION ALL
    SELECT 2, format('the row security of %%s', name), format('ALTER TABLE %%s FORCE ROW LEVEL SECURITY', name)
      FROM tables WHERE relforcerowsecurity
    UNION ALL
    SELECT 3, format('the trigger %%I of %%s', g.tgname, t.name), pg_get_triggerdef(g.oid)
      FROM tables t JOIN pg_trigger g ON g.tgrelid = t.oid AND NOT g.tgisinternal
    UNION ALL
    SELECT 4, format('the trigger %%I of %%s', g.tgname, t.name),
           format('ALTER TABLE %%s %%s TRIGGER %%I', t.name,
                  CASE g.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA'
                                   ELSE 'ENABLE ALWAYS' END, g.tgname)
      FROM tables t JOIN pg_trigger g ON g.tgrelid = t.oid AND NOT g.tgisinternal AND g.tgenabled <> 'O'
    UNION ALL
    SELECT 5, format('the replica identity of %%s', t.name),
           format('ALTER TABLE %%s REPLICA IDENTITY ', t.name)
               || CASE t.relreplident WHEN 'f' THEN 'FULL' WHEN 'n' THEN 'NOTHING'
                  ELSE (SELECT format('USING INDEX %%I', i.relname)
                          FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
                         WHERE x.indrelid = t.oid AND x.indisreplident) END
      FROM tables t WHERE t.relreplident <> 'd'
    UNION ALL
    SELECT 5, format('the statistics %%I of %%s', s.stxname, t.name), pg_get_statisticsobjdef(s.oid)
      FROM tables t JOIN pg_statistic_ext s ON s.stxrelid = t.oid
    UNION ALL
    SELECT 5, format('the statistics of %%I in %%s', name, "table"),
           format('ALTER TABLE %%s ALTER COLUMN %%I SET STATISTICS %%s', "table", name, attstattarget)
      FROM columns WHERE attstattarget >= 0
    UNION ALL
    SELECT 5, format('the setting %%s of %%s', name, "table"),
           format('ALTER TABLE %%s SET (%%I = %%L)', "table", name, value)
      FROM settings
    UNION ALL
    SELECT 5, format('the comment on %%I in %%s', name, "table"),
           format('COMMENT ON COLUMN %%s.%%I IS %%L', "table", name, comment)
      FROM columns WHERE comment IS NOT NULL AND has IS NULL
    UNION ALL
    SELECT 5, format('the comment on %%s', name),
           format('COMMENT ON TABLE %%s IS %%L', name, obj_description(oid, 'pg_class'))
      FROM tables
     WHERE obj_description(oid, 'pg_class') IS NOT NULL AND obj_description(made, 'pg_class') IS NULL
  ) AS belongings
 ORDER BY step, what, statement;
