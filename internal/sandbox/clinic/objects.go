package clinic

// The objects as DrChrono writes them. `any` marks what may be null; money is text with two decimals.

type doctor struct {
	ID                 int64  `json:"id"`
	FirstName          string `json:"first_name"`
	LastName           string `json:"last_name"`
	Suffix             string `json:"suffix"`
	Specialty          string `json:"specialty"`
	NPI                string `json:"npi_number"`
	GroupNPI           string `json:"group_npi_number"`
	PracticeGroup      string `json:"practice_group"`
	PracticeGroupName  string `json:"practice_group_name"`
	Timezone           string `json:"timezone"`
	IsAccountSuspended bool   `json:"is_account_suspended"`
	Email              string `json:"email"`
	CellPhone          string `json:"cell_phone"`
	HomePhone          string `json:"home_phone"`
	OfficePhone        string `json:"office_phone"`
	JobTitle           string `json:"job_title"`
	Country            string `json:"country"`
	Website            string `json:"website"`
	ProfilePicture     any    `json:"profile_picture"`
}

type office struct {
	ID        int64    `json:"id"`
	Name      string   `json:"name"`
	Doctor    int64    `json:"doctor"`
	Address   string   `json:"address"`
	City      string   `json:"city"`
	State     string   `json:"state"`
	ZIP       string   `json:"zip_code"`
	Country   string   `json:"country"`
	Phone     string   `json:"phone_number"`
	Fax       string   `json:"fax_number"`
	ExamRooms []room   `json:"exam_rooms"`
	TaxID     string   `json:"tax_id_number_professional"`
	Archived  bool     `json:"archived"`
	Start     string   `json:"start_time"`
	End       string   `json:"end_time"`
	Online    bool     `json:"online_scheduling"`
	Timeslots []string `json:"online_timeslots"`
}

type room struct {
	Index  int    `json:"index"`
	Name   string `json:"name"`
	Online bool   `json:"online_scheduling"`
}

type user struct {
	ID            int64           `json:"id"`
	Username      string          `json:"username"`
	Doctor        any             `json:"doctor"`
	PracticeGroup int64           `json:"practice_group"`
	IsDoctor      bool            `json:"is_doctor"`
	IsStaff       bool            `json:"is_staff"`
	Permissions   map[string]bool `json:"permissions"`
}

type patient struct {
	ID               int64   `json:"id"`
	ChartID          string  `json:"chart_id"`
	Doctor           int64   `json:"doctor"`
	FirstName        string  `json:"first_name"`
	MiddleName       string  `json:"middle_name"`
	LastName         string  `json:"last_name"`
	NickName         string  `json:"nick_name"`
	DateOfBirth      string  `json:"date_of_birth"`
	Gender           string  `json:"gender"`
	SSN              string  `json:"social_security_number"`
	Email            string  `json:"email"`
	HomePhone        string  `json:"home_phone"`
	CellPhone        string  `json:"cell_phone"`
	OfficePhone      string  `json:"office_phone"`
	Address          string  `json:"address"`
	City             string  `json:"city"`
	State            string  `json:"state"`
	ZIP              string  `json:"zip_code"`
	Status           string  `json:"patient_status"`
	PaymentProfile   string  `json:"patient_payment_profile"`
	Copay            string  `json:"copay"`
	DateOfDeath      any     `json:"date_of_death"`
	Offices          []int64 `json:"offices"`
	FirstAppointment any     `json:"date_of_first_appointment"`
	LastAppointment  any     `json:"date_of_last_appointment"`
	NoSMS            bool    `json:"disable_sms_messages"`
	Photo            any     `json:"patient_photo"`
	PhotoDate        any     `json:"patient_photo_date"`
	Ethnicity        string  `json:"ethnicity"`
	Race             string  `json:"race"`
	Language         string  `json:"preferred_language"`
	Pronouns         string  `json:"pronouns"`
	EmergencyName    string  `json:"emergency_contact_name"`
	EmergencyPhone   string  `json:"emergency_contact_phone"`
	EmergencyRel     any     `json:"emergency_contact_relation"`
	Employer         string  `json:"employer"`
	EmployerAddress  string  `json:"employer_address"`
	EmployerCity     string  `json:"employer_city"`
	EmployerState    string  `json:"employer_state"`
	EmployerZIP      string  `json:"employer_zip_code"`
	ResponsibleName  string  `json:"responsible_party_name"`
	ResponsibleEmail string  `json:"responsible_party_email"`
	ResponsiblePhone string  `json:"responsible_party_phone"`
	ResponsibleRel   string  `json:"responsible_party_relation"`
	PrimaryCare      string  `json:"primary_care_physician"`
	ReferringSource  string  `json:"referring_source"`
	DefaultPharmacy  string  `json:"default_pharmacy"`
	CreatedAt        string  `json:"created_at"`
	UpdatedAt        string  `json:"updated_at"`
}

type patientExtra struct {
	Primary       any      `json:"primary_insurance"`
	Secondary     any      `json:"secondary_insurance"`
	Tertiary      any      `json:"tertiary_insurance"`
	AutoAccident  any      `json:"auto_accident_insurance"`
	WorkersComp   any      `json:"workers_comp_insurance"`
	Referring     any      `json:"referring_doctor"`
	Demographics  []string `json:"custom_demographics"`
	Flags         []string `json:"patient_flags"`
	FlagsAttached []string `json:"patient_flags_attached"`
}

type insurance struct {
	Company      string `json:"insurance_company"`
	PayerID      string `json:"insurance_payer_id"`
	IDNumber     string `json:"insurance_id_number"`
	GroupName    string `json:"insurance_group_name"`
	GroupNumber  string `json:"insurance_group_number"`
	PlanName     string `json:"insurance_plan_name"`
	PlanType     string `json:"insurance_plan_type"`
	ClaimOffice  string `json:"insurance_claim_office_number"`
	IsSubscriber bool   `json:"is_subscriber_the_patient"`
	Relationship string `json:"patient_relationship_to_subscriber"`
	PhotoFront   string `json:"photo_front"`
	PhotoBack    string `json:"photo_back"`
	SubFirst     string `json:"subscriber_first_name"`
	SubMiddle    string `json:"subscriber_middle_name"`
	SubLast      string `json:"subscriber_last_name"`
	SubSuffix    string `json:"subscriber_suffix"`
	SubBirth     string `json:"subscriber_date_of_birth"`
	SubGender    string `json:"subscriber_gender"`
	SubSSN       string `json:"subscriber_social_security"`
	SubAddress   string `json:"subscriber_address"`
	SubCity      string `json:"subscriber_city"`
	SubState     string `json:"subscriber_state"`
	SubZIP       string `json:"subscriber_zip_code"`
	SubCountry   string `json:"subscriber_country"`
}

type note struct {
	ID          int64  `json:"id"`
	Appointment any    `json:"appointment"`
	Text        string `json:"text"`
	CreatedAt   string `json:"created_at"`
	CreatedBy   string `json:"created_by"`
}

type appointment struct {
	ID               string   `json:"id"`
	Patient          any      `json:"patient"`
	Doctor           int64    `json:"doctor"`
	Office           int64    `json:"office"`
	ExamRoom         int      `json:"exam_room"`
	ScheduledTime    string   `json:"scheduled_time"`
	Duration         int      `json:"duration"`
	Status           string   `json:"status"`
	CustomStatus     any      `json:"custom_status"`
	Reason           string   `json:"reason"`
	Notes            string   `json:"notes"`
	BillingStatus    string   `json:"billing_status"`
	Ins1Status       string   `json:"ins1_status"`
	Ins2Status       string   `json:"ins2_status"`
	FirstBilled      any      `json:"first_billed_date"`
	LastBilled       any      `json:"last_billed_date"`
	FirstEDI         any      `json:"first_edi_date"`
	LastEDI          any      `json:"last_edi_date"`
	PrimaryName      string   `json:"primary_insurer_name"`
	PrimaryPayer     string   `json:"primary_insurer_payer_id"`
	PrimaryMember    string   `json:"primary_insurance_id_number"`
	SecondaryName    string   `json:"secondary_insurer_name"`
	SecondaryPayer   string   `json:"secondary_insurer_payer_id"`
	SecondaryMember  string   `json:"secondary_insurance_id_number"`
	PaymentProfile   string   `json:"payment_profile"`
	BillingProvider  any      `json:"billing_provider"`
	Supervising      any      `json:"supervising_provider"`
	BillingNotes     []note   `json:"billing_notes"`
	ResubmitOriginal any      `json:"resubmit_claim_original_id"`
	ClonedFrom       any      `json:"cloned_from"`
	ICD10            []string `json:"icd10_codes"`
	ICD9             []string `json:"icd9_codes"`
	Profile          any      `json:"profile"`
	IsBreak          bool     `json:"appt_is_break"`
	IsWalkIn         bool     `json:"is_walk_in"`
	AllowOverlapping bool     `json:"allow_overlapping"`
	Deleted          bool     `json:"deleted_flag"`
	Color            any      `json:"color"`
	Recurring        bool     `json:"recurring_appointment"`
	BaseRecurring    any      `json:"base_recurring_appointment"`
	IsVirtualBase    bool     `json:"is_virtual_base"`
	RecurrenceKey    any      `json:"recurrence_instance_key"`
	RecurStart       any      `json:"recur_start_date"`
	RecurEnd         any      `json:"recur_end_date"`
	RecurDays        []string `json:"recurring_days"`
	RecursEvery      any      `json:"recurs_every"`
	CreatedBy        string   `json:"created_by"`
	CreatedAt        string   `json:"created_at"`
	UpdatedAt        string   `json:"updated_at"`
}

type appointmentExtra struct {
	ClinicalNote map[string]any `json:"clinical_note"`
	CustomFields []string       `json:"custom_fields"`
	CustomVitals []string       `json:"custom_vitals"`
	Extended     string         `json:"extended_updated_at"`
	Reminders    []string       `json:"reminders"`
	Transitions  []transition   `json:"status_transitions"`
	Vitals       map[string]any `json:"vitals"`
}

type transition struct {
	Appointment string `json:"appointment"`
	From        string `json:"from_status"`
	To          string `json:"to_status"`
	At          string `json:"datetime"`
}

type lineItem struct {
	ID             int64    `json:"id"`
	Appointment    int64    `json:"appointment"`
	Patient        int64    `json:"patient"`
	Doctor         int64    `json:"doctor"`
	Code           string   `json:"code"`
	Type           string   `json:"procedure_type"`
	Description    string   `json:"description"`
	Modifiers      []string `json:"modifiers"`
	Pointers       []string `json:"diagnosis_pointers"`
	Quantity       string   `json:"quantity"`
	Units          string   `json:"units"`
	Price          string   `json:"price"`
	Billed         any      `json:"billed"`
	Allowed        string   `json:"allowed"`
	Adjustment     string   `json:"adjustment"`
	Ins1Paid       string   `json:"ins1_paid"`
	Ins2Paid       string   `json:"ins2_paid"`
	Ins3Paid       string   `json:"ins3_paid"`
	InsTotal       string   `json:"ins_total"`
	PtPaid         string   `json:"pt_paid"`
	PaidTotal      string   `json:"paid_total"`
	BalanceIns     string   `json:"balance_ins"`
	BalancePt      string   `json:"balance_pt"`
	BalanceTotal   string   `json:"balance_total"`
	Expected       any      `json:"expected_reimbursement"`
	BillingStatus  string   `json:"billing_status"`
	InsuranceState string   `json:"insurance_status"`
	Denied         bool     `json:"denied_flag"`
	ServiceDate    string   `json:"service_date"`
	PostedDate     string   `json:"posted_date"`
	UpdatedAt      string   `json:"updated_at"`
}

type lineItemDeletion struct {
	LineItem    int64  `json:"billing_line_item_id"`
	Appointment int64  `json:"appointment_id"`
	CreatedAt   string `json:"created_at"`
}

type remitInsurance struct {
	Name     string `json:"name"`
	IDNumber string `json:"id_number"`
	Message  string `json:"message"`
}

type transaction struct {
	ID          int64          `json:"id"`
	LineItem    int64          `json:"line_item"`
	Appointment any            `json:"appointment"`
	Patient     int64          `json:"patient"`
	Doctor      int64          `json:"doctor"`
	Level       int            `json:"ins_name"`
	InsPaid     string         `json:"ins_paid"`
	Adjustment  string         `json:"adjustment"`
	Reason      string         `json:"adjustment_reason"`
	Group       string         `json:"adjustment_group_code"`
	ClaimStatus string         `json:"claim_status"`
	PostedDate  string         `json:"posted_date"`
	CheckDate   any            `json:"check_date"`
	Trace       string         `json:"trace_number"`
	Insurance   remitInsurance `json:"insurance"`
	CreatedAt   string         `json:"created_at"`
	UpdatedAt   string         `json:"updated_at"`
}

type patientPayment struct {
	ID          int64  `json:"id"`
	Patient     int64  `json:"patient"`
	Appointment any    `json:"appointment"`
	LineItem    any    `json:"line_item"`
	Doctor      int64  `json:"doctor"`
	Amount      string `json:"amount"`
	Method      string `json:"payment_method"`
	Type        string `json:"payment_transaction_type"`
	PostedDate  string `json:"posted_date"`
	Received    any    `json:"received_date"`
	Trace       string `json:"trace_number"`
	Notes       string `json:"notes"`
	CreatedBy   string `json:"created_by"`
	CreatedAt   string `json:"created_at"`
	UpdatedAt   string `json:"updated_at"`
}

type paymentLog struct {
	ID          int64  `json:"id"`
	Action      string `json:"action"`
	Amount      string `json:"amount"`
	Appointment any    `json:"appointment"`
	Patient     string `json:"patient"`
	Doctor      string `json:"doctor"`
	Method      string `json:"payment_method"`
	Source      string `json:"source"`
	CreatedBy   string `json:"created_by"`
	UpdatedAt   string `json:"updated_at"`
}

type eob struct {
	ID        int64  `json:"id"`
	Doctor    int64  `json:"doctor"`
	PayerID   string `json:"insurance_payer_id"`
	PayerName string `json:"insurance_payer_name"`
	Trace     string `json:"insurance_payer_trace_number"`
	Method    string `json:"payment_method"`
	TotalPaid string `json:"total_paid"`
	CheckDate string `json:"check_date"`
	Deposit   any    `json:"deposit_date"`
	Posted    string `json:"posted_date"`
	Scan      any    `json:"scanned_eob"`
	UpdatedAt string `json:"updated_at"`
}

type eligibility struct {
	ID          int64          `json:"id"`
	Patient     string         `json:"patient"`
	Appointment any            `json:"appointment"`
	Level       string         `json:"cob_level"`
	Payer       string         `json:"payer_name"`
	Eligibility string         `json:"eligibility"`
	ServiceType string         `json:"request_service_type"`
	ServiceText string         `json:"service_type_description"`
	QueryDate   string         `json:"query_date"`
	Subscriber  map[string]any `json:"coverage_subscriber"`
	UpdatedAt   string         `json:"updated_at"`
}

type eligibilityExtra struct {
	Details map[string]any `json:"coverage_details"`
}
