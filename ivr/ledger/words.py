"""The record's slugs in words for people: Indonesian first, English beside."""

from collections.abc import Mapping

from ivr.calls.endings import Reason, Result
from ivr.calls.findings import Kind
from ivr.calls.states import State
from ivr.routing.model import CallerClass

RESULTS: Mapping[Result, tuple[str, str]] = {
    Result.ANSWERED: ("terjawab", "answered"),
    Result.ABANDONED: ("ditinggalkan", "abandoned"),
    Result.SHORT: ("singkat", "short"),
    Result.REFUSED: ("ditolak", "refused"),
    Result.FAILED: ("gagal", "failed"),
    Result.LOST: ("hilang", "lost"),
    Result.INTERRUPTED: ("terputus", "interrupted"),
}

REASONS: Mapping[Reason, tuple[str, str]] = {
    Reason.OPERATOR: ("operator", "operator"),
    Reason.AGENCY: ("instansi", "agency"),
    Reason.LAST_RESORT: ("jalur terakhir", "last resort"),
    Reason.BEFORE_ANSWER: ("sebelum diangkat", "before answer"),
    Reason.AT_INTAKE: ("saat diterima", "at intake"),
    Reason.IN_MENU: ("di menu", "in the menu"),
    Reason.IN_QUEUE: ("di antrean", "in the queue"),
    Reason.RINGING: ("saat berdering", "while ringing"),
    Reason.AT_LINES: ("saat menghubungi instansi", "while agencies rang"),
    Reason.TRUNK_FAILURE: ("gangguan jaringan", "trunk failure"),
    Reason.HUNG_UP_BY_US: ("diputus sistem", "hung up by us"),
    Reason.UNKNOWN_CAUSE: ("sebab tidak diketahui", "unknown cause"),
    Reason.END_UNSEEN: ("akhir tidak terlihat", "end unseen"),
    Reason.ASTERISK_STOPPED: ("Asterisk berhenti", "Asterisk stopped"),
}

STATES: Mapping[State, tuple[str, str]] = {
    State.TRUNK: ("baru masuk", "arriving"),
    State.MENU: ("di menu", "in the menu"),
    State.QUEUE: ("menunggu", "waiting"),
    State.RINGING: ("berdering", "ringing"),
    State.LINES: ("menghubungi instansi", "agencies ring"),
    State.TALKING: ("berbicara", "talking"),
    State.ENDED: ("selesai", "ended"),
}

CALLERS: Mapping[CallerClass, tuple[str, str]] = {
    CallerClass.NUMBER: ("nomor", "number"),
    CallerClass.SIMLESS: ("tanpa SIM", "without SIM"),
    CallerClass.ANONYMOUS: ("anonim", "anonymous"),
    CallerClass.MISSING: ("tanpa nomor", "no number"),
}

KINDS: Mapping[Kind, tuple[str, str]] = {
    Kind.TRUNK: ("panggilan masuk", "call arrives"),
    Kind.TRUNK_ANSWERED: ("diangkat", "trunk answered"),
    Kind.INTAKE: ("dikenali", "identified"),
    Kind.CALLER: ("data penelepon disimpan", "caller's data kept"),
    Kind.MENU: ("menu", "menu"),
    Kind.DECISION: ("keputusan", "decision"),
    Kind.LIFELINE: ("tanpa mesin", "without the engine"),
    Kind.LIFELINE_MENU: ("menu tanpa mesin", "menu without the engine"),
    Kind.LIFELINE_PLAN: ("keputusan tanpa mesin", "decision without the engine"),
    Kind.QUEUE: ("antrean", "queue"),
    Kind.LINES: ("jalur instansi", "agency lines"),
    Kind.STAGE_END: ("tahap selesai", "stage ended"),
    Kind.RINGING: ("telepon berdering", "phone rings"),
    Kind.LEG_ANSWERED: ("telepon diangkat", "phone answered"),
    Kind.LEG_ENDED: ("telepon ditutup", "phone hung up"),
    Kind.OPERATOR_ANSWERED: ("operator menjawab", "operator answers"),
    Kind.LINE_ANSWERED: ("instansi mengangkat", "line picks up"),
    Kind.LINE_ACCEPTED: ("instansi menerima", "line accepts"),
    Kind.LINE_DECLINED: ("instansi tidak menerima", "line does not accept"),
    Kind.LINE_FAILED: ("jalur gagal", "line fails"),
    Kind.TALK_END: ("pembicaraan selesai", "talk ends"),
    Kind.ENDED: ("selesai", "ended"),
    Kind.UNEXPECTED: ("tidak terduga", "unexpected"),
    Kind.FOUND_AFTER_RECONNECT: ("ditemukan setelah tersambung lagi", "found after reconnect"),
    Kind.CORRECTED_AFTER_RECONNECT: ("dikoreksi setelah tersambung lagi", "corrected after reconnect"),
    Kind.CLOCK_HALF: ("setengah waktu", "half time"),
    Kind.CLOCK_LATE: ("terlambat", "late"),
    Kind.CALLER_MARKED: ("penelepon ditandai", "caller marked"),
    Kind.CALLER_UNMARKED: ("tanda dihapus", "mark removed"),
    Kind.INVITE_REFUSED: ("panggilan ditolak Asterisk", "calls refused by Asterisk"),
    Kind.LEDGER_ANCHORED: ("penjangkaran dimulai", "anchoring begins"),
    Kind.LEDGER_CUT: ("catatan terpotong", "record cut"),
    Kind.LEDGER_CUT_ACCEPTED: ("potongan diterima", "cut accepted"),
    Kind.ERASED: ("data pribadi dihapus", "personal data erased"),
    Kind.RETENTION: ("masa simpan berakhir", "kept long enough"),
    Kind.RECORDING_ALARM: ("rekaman tidak bertambah", "recording does not grow"),
    Kind.RECORDING_SAVED: ("rekaman tersimpan", "recording saved"),
    Kind.RECORDING_FAILED: ("rekaman gagal", "recording failed"),
    Kind.RECORDING_STOPPED: ("perekaman dihentikan", "recording stopped"),
    Kind.RECORDING_RESUMED: ("perekaman dilanjutkan", "recording resumed"),
    Kind.OPERATOR_LOGGED_IN: ("operator masuk", "operator logs in"),
    Kind.OPERATOR_LOGGED_OUT: ("operator keluar", "operator logs out"),
    Kind.OPERATOR_PAUSED: ("operator istirahat", "operator pauses"),
    Kind.OPERATOR_RESUMED: ("operator kembali", "operator resumes"),
    Kind.OPERATOR_CORRECTED: ("keadaan operator dikoreksi", "operator corrected"),
    Kind.CLOCK_JUMPED: ("jam melompat", "clock jumped"),
}
