DROP TRIGGER leases_gate ON leases;
DROP FUNCTION pass_lease_gate_v1();
DROP FUNCTION append_v2(
    text, text[], text[], text[], int[], bigint[],
    int[], int[], int[], bigint[], text[], text[], text[], text[], int[], bigint[]
);
COMMENT ON TABLE log IS 'All events, never changed. Written by append_v1 alone.';
