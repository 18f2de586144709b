//! The check digits of cards, accounts and national ids. Each takes bytes and says whether they can be one.

/// The sum that Luhn's formula makes of decimal digits is a multiple of ten.
pub fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(index, digit)| {
            let value = u32::from(digit - b'0');
            if index % 2 == 0 { value } else { value * 2 / 10 + value * 2 % 10 }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// A payment card: an issuer's range, a length it uses, and Luhn's digit.
pub fn card(digits: &[u8]) -> bool {
    let prefix = |length: usize| digits.get(..length).map_or(0, number);
    let (one, two, three, four) = (prefix(1), prefix(2), prefix(3), prefix(4));
    let known = match digits.len() {
        13 => one == 4,
        14 => (300..=305).contains(&three) || two == 36 || two == 38 || two == 39,
        15 => two == 34 || two == 37,
        16..=19 => {
            let sixteen = digits.len() == 16;
            one == 4 && (sixteen || digits.len() == 19)
                || sixteen && ((51..=55).contains(&two) || (2221..=2720).contains(&four))
                || four == 6011
                || (644..=649).contains(&three)
                || two == 65
                || two == 62
                || (3528..=3589).contains(&four)
                || sixteen && (two == 60 || four == 5018 || four == 5020 || four == 6759)
        }
        _ => false,
    };
    known && luhn(digits) && !same(digits)
}

/// The length of an IBAN of this country, letters in upper case; `None` where the country has none.
pub fn iban_length(country: [u8; 2]) -> Option<usize> {
    Some(match &country {
        b"NO" => 15,
        b"BE" | b"BI" => 16,
        b"DK" | b"FI" | b"FK" | b"FO" | b"GL" | b"NL" | b"SD" => 18,
        b"MK" | b"SI" => 19,
        b"AT" | b"BA" | b"EE" | b"KZ" | b"LT" | b"LU" | b"XK" | b"MN" => 20,
        b"CH" | b"CR" | b"HR" | b"LI" | b"LV" => 21,
        b"BG" | b"BH" | b"DE" | b"GB" | b"GE" | b"IE" | b"ME" | b"RS" | b"VA" => 22,
        b"AE" | b"GI" | b"IL" | b"IQ" | b"OM" | b"SO" | b"TL" => 23,
        b"AD" | b"CZ" | b"ES" | b"MD" | b"PK" | b"RO" | b"SA" | b"SE" | b"SK" | b"TN" | b"VG" => 24,
        b"LY" | b"PT" | b"ST" => 25,
        b"IS" | b"TR" => 26,
        b"BF" | b"FR" | b"GR" | b"IT" | b"MC" | b"MR" | b"SM" | b"DJ" => 27,
        b"AL" | b"AZ" | b"BY" | b"CY" | b"DO" | b"GT" | b"HU" | b"LB" | b"NI" | b"PL" | b"SV" => 28,
        b"BR" | b"EG" | b"PS" | b"QA" | b"UA" => 29,
        b"JO" | b"KW" | b"MU" | b"YE" => 30,
        b"MT" | b"SC" => 31,
        b"LC" => 32,
        b"RU" => 33,
        _ => return None,
    })
}

/// An IBAN's remainder by 97 is one; letters in upper case, no spaces.
pub fn iban(text: &[u8]) -> bool {
    if text.len() < 5 {
        return false;
    }
    let remainder = text[4..].iter().chain(&text[..4]).fold(0_u32, |remainder, byte| match byte {
        b'0'..=b'9' => (remainder * 10 + u32::from(byte - b'0')) % 97,
        _ => (remainder * 100 + u32::from(byte - b'A') + 10) % 97,
    });
    remainder == 1
}

/// A social security number of the United States: ranges that are issued, and none of those printed in advertisements.
pub fn us_ssn(digits: &[u8]) -> bool {
    if digits.len() != 9 {
        return false;
    }
    let (area, group, serial) = (number(&digits[..3]), number(&digits[3..5]), number(&digits[5..]));
    area != 0 && area != 666 && area < 900 && group != 0 && serial != 0 && !same(digits) && digits != b"123456789" && digits != b"078051120"
}

/// A national insurance number of the United Kingdom, in upper case.
pub fn uk_nino(text: &[u8]) -> bool {
    let [first, second, digits @ .., suffix] = text else { return false };
    let letter = |letter: &u8, without: &[u8]| letter.is_ascii_uppercase() && !without.contains(letter);
    digits.len() == 6
        && digits.iter().all(u8::is_ascii_digit)
        && letter(first, b"DFIQUV")
        && letter(second, b"DFIOQUV")
        && (b'A'..=b'D').contains(suffix)
        && ![*b"BG", *b"GB", *b"KN", *b"NK", *b"NT", *b"TN", *b"ZZ"].contains(&[*first, *second])
}

/// A Spanish DNI (eight digits and their letter) or NIE (X, Y or Z in front of seven), in upper case.
pub fn spanish_dni(text: &[u8]) -> bool {
    let [first, middle @ .., letter] = text else { return false };
    if middle.len() != 7 || !middle.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let lead = match first {
        b'0'..=b'9' => first - b'0',
        b'X'..=b'Z' => first - b'X',
        _ => return false,
    };
    let value = u64::from(lead) * 10_000_000 + number(middle);
    b"TRWAGMYFPDXBNJZSQVHLCKE".get((value % 23) as usize) == Some(letter)
}

/// A German tax number for life: eleven digits, of the first ten one twice or thrice and the others once, and a check digit.
pub fn german_tax_id(digits: &[u8]) -> bool {
    if digits.len() != 11 || digits[0] == b'0' {
        return false;
    }
    let mut counts = [0_u8; 10];
    for digit in &digits[..10] {
        counts[usize::from(digit - b'0')] += 1;
    }
    let repeated: Vec<&u8> = counts.iter().filter(|count| **count > 1).collect();
    if repeated.len() != 1 || *repeated[0] > 3 || digits[..10].windows(3).any(same) {
        return false;
    }
    let product = digits[..10].iter().fold(10_u32, |product, digit| {
        let sum = (u32::from(digit - b'0') + product) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (11 - product) % 10 == u32::from(digits[10] - b'0')
}

/// A French NIR: fifteen digits whose last two complete the others to a multiple of 97.
pub fn french_nir(digits: &[u8]) -> bool {
    digits.len() == 15
        && matches!(digits[0], b'1' | b'2')
        && matches!(number(&digits[3..5]), 1..=12 | 20..=42 | 50..=99)
        && 97 - number(&digits[..13]) % 97 == number(&digits[13..])
}

/// An Italian codice fiscale, in upper case.
pub fn italian_fiscal_code(text: &[u8]) -> bool {
    if text.len() != 16 {
        return false;
    }
    let letters = [0, 1, 2, 3, 4, 5, 8, 11, 15];
    if !text.iter().enumerate().all(|(at, byte)| match letters.contains(&at) {
        true => byte.is_ascii_uppercase(),
        // Where two people would have the same code, letters stand for digits.
        false => byte.is_ascii_digit() || b"LMNPQRSTUV".contains(byte),
    }) || !b"ABCDEHLMPRST".contains(&text[8])
    {
        return false;
    }
    const ODD: [u32; 26] = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    let sum: u32 = text[..15]
        .iter()
        .enumerate()
        .map(|(at, byte)| {
            let value = if byte.is_ascii_digit() { byte - b'0' } else { byte - b'A' };
            if at % 2 == 0 { ODD[usize::from(value)] } else { u32::from(value) }
        })
        .sum();
    sum % 26 == u32::from(text[15] - b'A')
}

/// A Dutch citizen service number: nine digits that pass the eleven test.
pub fn dutch_bsn(digits: &[u8]) -> bool {
    if digits.len() != 9 || same(digits) {
        return false;
    }
    let weights = [9_i64, 8, 7, 6, 5, 4, 3, 2, -1];
    let sum: i64 = digits.iter().zip(weights).map(|(digit, weight)| i64::from(digit - b'0') * weight).sum();
    sum % 11 == 0
}

/// A Polish PESEL: a date of birth and a check digit.
pub fn polish_pesel(digits: &[u8]) -> bool {
    if digits.len() != 11 {
        return false;
    }
    let weights = [1_u32, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1];
    let sum: u32 = digits.iter().zip(weights).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
    let (month, day) = (number(&digits[2..4]) % 20, number(&digits[4..6]));
    sum.is_multiple_of(10) && (1..=12).contains(&month) && (1..=31).contains(&day)
}

/// A Brazilian CPF: eleven digits, the last two of which check the others.
pub fn brazilian_cpf(digits: &[u8]) -> bool {
    if digits.len() != 11 || same(digits) {
        return false;
    }
    let check = |length: usize| {
        let sum: u32 = digits[..length].iter().enumerate().map(|(at, digit)| u32::from(digit - b'0') * (length + 1 - at) as u32).sum();
        sum * 10 % 11 % 10 == u32::from(digits[length] - b'0')
    };
    check(9) && check(10)
}

/// An Indian Aadhaar number: twelve digits with Verhoeff's check digit, the first of them 2 to 9.
pub fn indian_aadhaar(digits: &[u8]) -> bool {
    if digits.len() != 12 || digits[0] < b'2' || same(digits) {
        return false;
    }
    // The group of a pentagon's symmetries: turns below five, mirrored turns from five on.
    let product = |a: u8, b: u8| match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => 5 + (a + b - 5) % 5,
        (false, true) => 5 + (a - 5 + 5 - b) % 5,
        (false, false) => (a + 5 - b) % 5,
    };
    const PERMUTATION: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let check = digits.iter().rev().enumerate().fold(0, |check, (at, digit)| {
        let mut value = digit - b'0';
        for _ in 0..at % 8 {
            value = PERMUTATION[usize::from(value)];
        }
        product(check, value)
    });
    check == 0
}

/// A Canadian social insurance number.
pub fn canadian_sin(digits: &[u8]) -> bool {
    digits.len() == 9 && !matches!(digits[0], b'0' | b'8') && luhn(digits) && !same(digits)
}

/// The number that decimal digits (at most 18) write.
fn number(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |value, digit| value * 10 + u64::from(digit - b'0'))
}

fn same(digits: &[u8]) -> bool {
    digits.windows(2).all(|pair| pair[0] == pair[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cards() {
        for good in ["4111111111111111", "5555555555554444", "378282246310005", "6011111111111117", "30569309025904", "3530111333300000"] {
            assert!(card(good.as_bytes()), "{good}");
        }
        for bad in ["4111111111111112", "0000000000000000", "1234567812345670", "411111111111111", "9999999999999995"] {
            assert!(!card(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn accounts() {
        for good in ["DE89370400440532013000", "GB82WEST12345698765432", "FR1420041010050500013M02606", "NO9386011117947"] {
            assert!(iban(good.as_bytes()), "{good}");
            assert_eq!(iban_length([good.as_bytes()[0], good.as_bytes()[1]]), Some(good.len()));
        }
        assert!(!iban(b"DE89370400440532013001") && !iban(b"DE8"));
        assert_eq!(iban_length(*b"US"), None);
    }

    #[test]
    fn national_ids() {
        assert!(us_ssn(b"536904399") && !us_ssn(b"666904399") && !us_ssn(b"536004399") && !us_ssn(b"900904399"));
        assert!(uk_nino(b"AB123456C") && !uk_nino(b"GB123456C") && !uk_nino(b"AB123456E") && !uk_nino(b"QQ123456C"));
        assert!(spanish_dni(b"12345678Z") && spanish_dni(b"X1234567L") && !spanish_dni(b"12345678A"));
        assert!(german_tax_id(b"86095742719") && german_tax_id(b"47036892816") && !german_tax_id(b"86095742718"));
        assert!(french_nir(b"255081416802538") && !french_nir(b"255081416802539"));
        assert!(italian_fiscal_code(b"RSSMRA85T10A562S") && !italian_fiscal_code(b"RSSMRA85T10A562T"));
        assert!(dutch_bsn(b"111222333") && !dutch_bsn(b"111222334"));
        assert!(polish_pesel(b"44051401359") && !polish_pesel(b"44051401358"));
        assert!(brazilian_cpf(b"52998224725") && !brazilian_cpf(b"52998224724"));
        assert!(indian_aadhaar(b"234123412346") && !indian_aadhaar(b"234123412345"));
        assert!(canadian_sin(b"130692544") && !canadian_sin(b"130692545"));
    }
}
