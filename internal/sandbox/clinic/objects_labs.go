package clinic

type sublab struct {
	ID       int64  `json:"id"`
	Name     string `json:"name"`
	Facility string `json:"facility_code"`
	Vendor   string `json:"vendor_name"`
}

type icd10 struct {
	Code        string `json:"code"`
	Description string `json:"description"`
}

type labOrder struct {
	ID          int64   `json:"id"`
	Patient     int64   `json:"patient"`
	Doctor      int64   `json:"doctor"`
	Sublab      int64   `json:"sublab"`
	Status      string  `json:"status"`
	Priority    string  `json:"priority"`
	Timestamp   string  `json:"timestamp"`
	Requisition string  `json:"requisition_id"`
	External    any     `json:"external_requisition_id"`
	Accession   string  `json:"accession_number"`
	ICD10       []icd10 `json:"icd10_codes"`
	Documents   []int64 `json:"documents"`
	Notes       string  `json:"notes"`
}

type labTest struct {
	ID          int64  `json:"id"`
	LabOrder    int64  `json:"lab_order"`
	Code        string `json:"code"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Status      string `json:"status"`
	Collection  any    `json:"collection_date"`
	Source      string `json:"specimen_source"`
	Condition   string `json:"specimen_condition"`
	Volume      any    `json:"specimen_total_volume"`
	Internal    string `json:"internal_notes"`
	Report      string `json:"report_notes"`
}

type labResult struct {
	ID          int64  `json:"id"`
	LabTest     int64  `json:"lab_test"`
	LabOrder    string `json:"lab_order"`
	Document    int64  `json:"document"`
	Status      string `json:"status"`
	Value       string `json:"value"`
	Numeric     bool   `json:"value_is_numeric"`
	Unit        string `json:"unit"`
	Range       string `json:"normal_range"`
	IsAbnormal  any    `json:"is_abnormal"`
	Abnormal    string `json:"abnormal_status"`
	Code        string `json:"observation_code"`
	Description string `json:"observation_description"`
	Group       string `json:"group_code"`
	Performed   string `json:"test_performed"`
	Received    any    `json:"specimen_received"`
	Comments    string `json:"comments"`
}

type labDocument struct {
	ID        int64  `json:"id"`
	LabOrder  int64  `json:"lab_order"`
	Type      string `json:"type"`
	Document  string `json:"document"`
	HL7       string `json:"hl7"`
	Timestamp string `json:"timestamp"`
}

type patientLabResult struct {
	ID         int64  `json:"id"`
	Patient    int64  `json:"patient"`
	Ordering   int64  `json:"ordering_doctor"`
	Title      string `json:"title"`
	LOINC      string `json:"loinc_code"`
	Value      string `json:"lab_result_value"`
	Float      any    `json:"lab_result_value_as_float"`
	Units      string `json:"lab_result_value_units"`
	Range      string `json:"lab_normal_range"`
	RangeUnits string `json:"lab_normal_range_units"`
	Flag       string `json:"lab_abnormal_flag"`
	Status     string `json:"lab_order_status"`
	Performed  any    `json:"date_test_performed"`
	Signoff    bool   `json:"doctor_signoff"`
	Comments   string `json:"doctor_comments"`
	Scanned    any    `json:"scanned_in_result"`
	CCR        any    `json:"lab_imported_from_ccr"`
	CreatedAt  string `json:"created_at"`
	UpdatedAt  string `json:"updated_at"`
}
