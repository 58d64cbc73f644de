package dataset_test

import (
	"testing"
)

// All that PostgreSQL writes of the types that are checked, and of some that are not, comes back as it was.
func TestKinds(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const kinds = `
		create table clinic.kinds (n integer primary key, b boolean, i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, num numeric, dec numeric(20,5), t text, v varchar(9), c char(5),
			j json, bin bytea, u uuid, d date, ts timestamp, tz timestamptz, ts3 timestamp(3));
		create table clinic.strange (n integer primary key, jb jsonb, ip inet, r int4range, iv interval, tm time, ttz timetz, a int[], at text[][], tsv tsvector, x xml, bits varbit, m money, p point, nm name, ch "char");`
	r.exec(r.source, kinds)
	r.as(kinds)
	r.exec(r.source, `
		insert into clinic.kinds (n, i2, i4, i8, f4, f8, num, d, ts, tz) values
			(-1, -32768, -2147483648, -9223372036854775808, '-infinity', '-infinity', '-infinity', '-infinity', '-infinity', '-infinity'), (-2, 32767, 2147483647, 9223372036854775807, 'infinity', 'infinity', 'infinity', 'infinity', 'infinity', 'infinity'),
			(-3, 0, 0, 0, 'nan', 'nan', 'nan', '4714-11-24 BC', '4714-11-24 00:00:00 BC', '4714-11-24 00:00:00+00 BC'), (-4, 1, 1, 1, 3.4e38, 1.7e308, 1e-200, '5874897-12-31', '294276-12-31 23:59:59.999999', '294276-12-31 23:59:59.999999+00'),
			(-5, -1, -1, -1, 1e-45, 5e-324, 1e300, '0001-12-31 BC', '0001-02-29 12:00:00 BC', '1883-11-18 00:00:00-00:00:30'), (-6, null, null, null, '-0', '-0', -0.00, '1999-12-31', '1999-12-31 23:59:59.999999', '2000-01-01 00:00:00.1+00');
		insert into clinic.kinds select n, n % 2 = 0, n, n * 214748, n * 6148914691236517, n / 7.0::float4, n / 7.0::float8, (n - 500) * power(10::numeric, n % 60 - 30), (n - 500) / 7.0, chr(n), repeat(chr(n), n % 9), chr(n),
			json_build_object(chr(n), n), decode(lpad(to_hex(n), 6, '0'), 'hex'), md5(n::text)::uuid, date '1900-01-01' + n * 97, timestamp '1900-01-01' + n * interval '97 days 1 hour 1 millisecond', timestamptz '1900-01-01' + n * interval '97 days 1 hour 1 microsecond', timestamp '2000-01-01' + n * interval '0.001 s'
			from generate_series(1, 1500) n;
		insert into clinic.kinds (n, t, v) values (-7, repeat(e'long \t', 300000), 'after it');
		insert into clinic.strange values (1, '{"a": [1, 1e3, "\t"]}', '10.0.0.1/8', '[1,5)', '1 mon -3 days 04:05:06.7', '24:00', '12:00+05:30', '{1,null,3}', '{{a,"b,c"},{"",null}}', 'a:1A b', '<a>&amp;</a>', '10101', '$1.50', '(1.5,2)', 'n', 'c'); insert into clinic.strange (n) values (2);`)
	r.brought = []string{"clinic.kinds", "clinic.strange"}
	r.publish("kinds", 100)
	r.bring("kinds")
	for _, table := range r.brought {
		const all = `select md5(string_agg(x::text, ',' order by n)) from `
		var want string
		if err := r.source.QueryRow(t.Context(), all+table+" x").Scan(&want); err != nil {
			t.Fatal(err)
		}
		if got := r.one(all + table + " x"); got != want {
			t.Errorf("%s came otherwise than it was", table)
		}
	}
}
