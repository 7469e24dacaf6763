DROP TABLE tracking;
DROP TABLE aggregate_event;
DROP FUNCTION fence_append_v1(text);
DROP FUNCTION append_v1(
    text, text[], text[], text[], int[], bigint[],
    int[], int[], int[], bigint[], text[], text[], text[]
);
DROP TABLE append_fence;
DROP TABLE log_head;
DROP TABLE log;
DROP FUNCTION refuse_change_v1();
