-- One row: the oldest revision whose code works with the schema as it is.
CREATE TABLE schema_compatibility (
    one_row     boolean NOT NULL DEFAULT true,
    oldest_code text    NOT NULL,
    CONSTRAINT schema_compatibility_pkey PRIMARY KEY (one_row),
    CONSTRAINT schema_compatibility_one_row_check CHECK (one_row)
);
COMMENT ON TABLE schema_compatibility IS
    'The oldest revision whose code works with this schema. Written by the migrations.';
INSERT INTO schema_compatibility (oldest_code) VALUES ('0004');

-- Roles that had their rights before it was there must be able to look, or a deploy stops them. It
-- says nothing that is secret, and who has no USAGE on the schema cannot get at it.
GRANT SELECT ON schema_compatibility TO PUBLIC;
