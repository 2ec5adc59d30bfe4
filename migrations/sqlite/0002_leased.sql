-- The lanes that are leased, few of however many: a server that starts gives them back.
CREATE INDEX lanes_leased ON lanes (leased) WHERE leased = 1;
